"""A business's conversations, read with a reason: the form that asks for it, the list, and a thread."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from fastapi import APIRouter, Request, Response

from konstruct.conversations import operator_view_repository as repository
from konstruct.conversations.operator_view_repository import ConversationLine, MessageLine
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError, NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants import operator_access, operator_overview_repository
from konstruct.tenants.operator_access_repository import Access
from konstruct.tenants.operators_repository import Operator
from konstruct.web.deps import deps_of
from konstruct.web.operator.guard import Allowed, Signed
from konstruct.web.operator.pages import OperatorRoute, go, show
from konstruct.web.portal.forms import form_of


@dataclass(frozen=True, slots=True)
class AccessView:
    """The form."""

    tenant_id: UUID
    business: str
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class ContentView:
    """A page of conversations."""

    tenant_id: UUID
    business: str
    access: Access
    conversations: list[ConversationLine]
    older: str


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A page of a thread."""

    tenant_id: UUID
    business: str
    access: Access
    messages: list[MessageLine]
    older: str


def router() -> APIRouter:
    """Return the routes of content. Under `/content` each needs an access besides an operator."""
    routes = APIRouter(route_class=OperatorRoute, prefix="/operator/tenants/{tenant_id}")
    routes.add_api_route("/access", ask, methods=["GET"])
    routes.add_api_route("/access", grant, methods=["POST"])
    routes.add_api_route("/content", show_list, methods=["GET"])
    routes.add_api_route("/content/{conversation_id}", show_thread, methods=["GET"])
    return routes


async def ask(request: Request, operator: Signed, tenant_id: str) -> Response:
    """Ask for the reason; with an access that still holds, go on."""
    db, tenant = deps_of(request).db, parse_id(tenant_id)
    if await operator_access.find_access(db, operator, tenant):
        return go(f"/operator/tenants/{tenant}/content")
    return await _ask(request, operator, tenant)


async def grant(request: Request, operator: Signed, tenant_id: str) -> Response:
    """Write the reason down and let the operator read."""
    tenant, reason = parse_id(tenant_id), (await form_of(request)).get("reason", "")
    try:
        await operator_access.open_access(deps_of(request).db, operator, tenant, reason)
    except NotFoundError:
        raise
    except KonstructError as error:
        return await _ask(request, operator, tenant, reason, str(error))
    return go(f"/operator/tenants/{tenant}/content")


async def show_list(request: Request, operator: Signed, access: Allowed, tenant_id: str, behind: str = "") -> Response:
    """Show a page of conversations, the latest first."""
    db, tenant = deps_of(request).db, parse_id(tenant_id)
    place = parse_id(behind) if behind else None
    lines, older = await db.run(TenantScope(tenant), lambda s: repository.list_conversations(s, access, place))
    path = f"/operator/tenants/{tenant}/content?behind={older}" if older else ""
    view = ContentView(tenant, await _name(request, tenant), access, lines, path)
    return show("content.html", operator, view=view)


async def show_thread(
    request: Request, operator: Signed, access: Allowed, tenant_id: str, conversation_id: str, before: str = ""
) -> Response:
    """Show a page of a conversation's messages."""
    db, tenant, conversation = deps_of(request).db, parse_id(tenant_id), parse_id(conversation_id)
    # Numbers of messages have no more digits than a bigint.
    place = int(before[:18]) if before.isascii() and before.isdigit() else None
    messages = await db.run(TenantScope(tenant), lambda s: repository.read_thread(s, access, conversation, place))
    if not messages:
        raise NotFoundError("there is no such conversation")
    more = len(messages) == repository.MESSAGES and messages[0].seq > 1
    path = f"/operator/tenants/{tenant}/content/{conversation}?before={messages[0].seq}" if more else ""
    view = ThreadView(tenant, await _name(request, tenant), access, messages, path)
    return show("thread.html", operator, view=view)


async def _ask(request: Request, operator: Operator, tenant_id: UUID, reason: str = "", error: str = "") -> Response:
    found = await operator_overview_repository.find(deps_of(request).db, tenant_id)
    if found is None:
        raise NotFoundError("there is no such business")
    view = AccessView(tenant_id, found.name, reason, error)
    return show("access.html", operator, 422 if error else 200, view=view)


async def _name(request: Request, tenant_id: UUID) -> str:
    return (await operator_overview_repository.names(deps_of(request).db, [tenant_id]))[tenant_id]
