"""Templates: which there are, and writing to a contact first by one of them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts_repository
from konstruct.channels.outreach import writing_repository
from konstruct.channels.templates import templates_repository
from konstruct.conversations import contacts_repository
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id, uuid7
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.outreach.picker import Filled, read_picker
from konstruct.web.portal.outreach.sending import submit
from konstruct.web.portal.outreach.view import TemplatesView, WriteView
from konstruct.web.portal.pages import HEADERS, page

Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_CHANNELS))]
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))]
Answering = Annotated[Visitor, Depends(require(Permission.ANSWER_CONVERSATIONS))]


def router() -> APIRouter:
    """Return the routes of templates and of writing first."""
    routes = APIRouter()
    routes.add_api_route("/templates", show_templates, methods=["GET"])
    routes.add_api_route("/templates/{account_id}/fetch", fetch, methods=["POST"])
    routes.add_api_route("/contacts/{contact_id}/write", ask, methods=["GET"])
    routes.add_api_route("/contacts/{contact_id}/write", write, methods=["POST"])
    return routes


async def show_templates(request: Request, visitor: Viewing) -> Response:
    """Show the templates of every account that can have some."""

    async def work(session: TenantSession) -> TemplatesView:
        return TemplatesView(await templates_repository.holders(session), await templates_repository.of_tenant(session))

    return page("outreach/templates.html", visitor, view=await deps_of(request).db.run(visitor.scope, work))


async def fetch(request: Request, visitor: Managing, account_id: str) -> Response:
    """Ask the provider for an account's templates, in the background; once more asks once."""
    wanted = parse_id(account_id)

    async def work(session: TenantSession) -> None:
        account = await accounts_repository.get_account(session, wanted)
        if account.business_account_id is not None and account.secret_id is not None:
            await tenant_jobs.ask(session, session.scope, "template_sync", wanted)

    await deps_of(request).db.run(visitor.scope, work)
    return RedirectResponse("/templates", status_code=303, headers=HEADERS)


async def ask(request: Request, visitor: Answering, contact_id: str, template: str = "") -> Response:
    """Show the form with which one writes to a contact first."""
    return await _form(request, visitor, parse_id(contact_id), Filled(parse_id(template)) if template else Filled())


async def write(request: Request, visitor: Answering, contact_id: str) -> Response:
    """Write to a contact first, or show how it will read."""
    found, form = parse_id(contact_id), await form_of(request)
    filled = Filled.of(form)
    token = _token(form)

    async def work(session: TenantSession) -> tuple[Filled | None, UUID | None]:
        contact = await contacts_repository.find(session, found)
        if contact is None:
            raise NotFoundError("there is no such contact")
        back = await submit(session, visitor, contact.account_id, found, filled, token, form.get("act", ""))
        return back, None if back else await writing_repository.conversation_of(session, found)

    back, conversation_id = await deps_of(request).db.run(visitor.scope, work)
    if back is not None:
        return await _form(request, visitor, found, back)
    return RedirectResponse(f"/inbox/{conversation_id}", status_code=303, headers=HEADERS)


async def _form(request: Request, visitor: Visitor, contact_id: UUID, filled: Filled) -> Response:
    here = f"/contacts/{contact_id}/write"

    async def work(session: TenantSession) -> WriteView:
        contact = await contacts_repository.find(session, contact_id)
        if contact is None:
            raise NotFoundError("there is no such contact")
        picker = await read_picker(session, contact.account_id, filled, choose=here, choose_part=here, send=here, target="#write")
        return WriteView(contact, picker)

    view = await deps_of(request).db.run(visitor.scope, work)
    return page("outreach/write.html", visitor, filled.status, view=view)


def _token(form: dict[str, str]) -> UUID:
    try:
        return UUID(form.get("token", ""))
    except ValueError:
        return uuid7()
