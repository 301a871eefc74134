"""How a number stands: its quality and tier, what is stopped and why; resuming it, and moving its contacts to another one."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts_status
from konstruct.channels.quality import acting, replacing, report
from konstruct.channels.quality.acting import NOTE_MAX
from konstruct.channels.quality.replacing import CannotReplaceError
from konstruct.channels.templates import templates_repository
from konstruct.conversations.template_use import TemplateUse
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.channels.quality_view import QualityView, template_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_CHANNELS))]
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))]
_TEXT_MAX = 500


def router() -> APIRouter:
    """Return the routes under /channels/{account_id}/quality."""
    routes = APIRouter(prefix="/channels/{account_id}")
    routes.add_api_route("/quality", show, methods=["GET"])
    routes.add_api_route("/quality/resume", resume, methods=["POST"])
    routes.add_api_route("/replace", replace, methods=["POST"])
    return routes


async def show(request: Request, visitor: Viewing, account_id: str, done: str = "") -> Response:
    """Show how the number stands. An account that is no number has no such page."""
    return await _page(request, visitor, parse_id(account_id), done=done)


async def resume(request: Request, visitor: Managing, account_id: str) -> Response:
    """Resume the number: somebody has looked into it, and says what they found."""
    deps, account = deps_of(request), parse_id(account_id)
    note = (await form_of(request)).get("note", "").strip()[:NOTE_MAX]
    if not note:
        return await _page(
            request, visitor, account, 422, note_error="Say what you found and changed: it is kept with your name."
        )
    try:
        async with deps.db.tenant(visitor.scope) as session:
            moved = await acting.resume(session, account, visitor.member.id, visitor.member.name, note)
    except ConflictError:
        problem = "There is nothing to resume any more, or the provider itself still restricts the number."
        return await _page(request, visitor, account, 409, problem=problem)
    await acting.follow(deps.db, visitor.scope, moved)
    return _to(f"/channels/{account}/quality?done=resumed")


async def replace(request: Request, visitor: Managing, account_id: str) -> Response:
    """Move the contacts of the number to another one, and let them be told."""
    deps, account = deps_of(request), parse_id(account_id)
    entered = await form_of(request)
    try:
        use = _use(entered.get("template", ""), entered.get("text", ""))
        await replacing.begin(
            deps.db,
            visitor.scope,
            old_account_id=account,
            new_account_id=parse_id(entered.get("to", "")),
            by=visitor.member.name,
            use=use,
        )
    except CannotReplaceError as error:
        return await _page(request, visitor, account, 422, problem=f"It was not begun: {error}.")
    except ConflictError as error:
        return await _page(request, visitor, account, 409, problem=f"It was not begun: {error}.")
    return _to(f"/channels/{account}/quality?done=replaced")


def _use(chosen: str, text: str) -> TemplateUse | None:
    if not chosen:
        return None
    name, _, language = chosen.partition(" ")
    text = text.strip()[:_TEXT_MAX]
    return TemplateUse(name, language, (text,) if text else ())


async def _page(
    request: Request,
    visitor: Visitor,
    account: UUID,
    status: int = 200,
    *,
    done: str = "",
    problem: str = "",
    note_error: str = "",
) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await accounts_status.get(session, account)
        read = await report.read(session, account)
        if read.stand is None and not read.is_number:
            raise NotFoundError(f"account {account} is no number")
        targets = read.candidates if visitor.may(Permission.MANAGE_CHANNELS) else ()
        templates = await templates_repository.of_account(session, targets[0].account_id) if targets else []
    usable = [each for each in map(template_of, templates) if each is not None]
    view = QualityView(found, read, usable, done=done, problem=problem, note_error=note_error)
    return page("channels/quality.html", visitor, status, view=view)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)
