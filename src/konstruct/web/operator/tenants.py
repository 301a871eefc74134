"""The businesses: how each is doing, suspended and resumed for a reason, and who of the operators did what."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response

from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants import operator_access, operator_access_repository
from konstruct.tenants import operator_overview_repository as repository
from konstruct.tenants.operator_access_repository import Access, Done
from konstruct.tenants.operators_repository import Operator
from konstruct.web.deps import deps_of
from konstruct.web.operator.guard import Signed
from konstruct.web.operator.pages import OperatorRoute, go, show
from konstruct.web.operator.tenant_view import TenantDetail, TenantsView, log_of, row_of
from konstruct.web.portal.forms import form_of

STATUSES = ("active", "suspended")
TOLD = {"suspended": "The business is suspended.", "active": "The business goes on."}


def router() -> APIRouter:
    """Return the routes under /operator/tenants, without content."""
    routes = APIRouter(route_class=OperatorRoute, prefix="/operator/tenants")
    routes.add_api_route("", show_list, methods=["GET"])
    routes.add_api_route("/{tenant_id}", show_one, methods=["GET"])
    routes.add_api_route("/{tenant_id}/suspend", suspend, methods=["POST"])
    routes.add_api_route("/{tenant_id}/resume", resume, methods=["POST"])
    return routes


async def show_list(request: Request, operator: Signed, status: str = "", behind: str = "", find: str = "") -> Response:
    """Show a page of tenants, the newest first; `find` leads to the one of that id."""
    if find.strip():
        try:
            return go(f"/operator/tenants/{parse_id(find.strip())}")
        except NotFoundError:
            pass
    only = status if status in STATUSES else None
    found = await repository.list_page(deps_of(request).db, status=only, behind=parse_id(behind) if behind else None)
    older = f"/operator/tenants?status={only or ''}&behind={found.older}" if found.older else ""
    view = TenantsView([row_of(tenant) for tenant in found.tenants], only or "", older, find.strip()[:100])
    return show("tenants.html", operator, view=view)


async def show_one(request: Request, operator: Signed, tenant_id: str, done: str = "") -> Response:
    """Show one tenant."""
    return await _page(request, operator, parse_id(tenant_id), told=TOLD.get(done, ""))


async def suspend(request: Request, operator: Signed, tenant_id: str) -> Response:
    """Stop a business."""
    return await _change(request, operator, parse_id(tenant_id), "suspended")


async def resume(request: Request, operator: Signed, tenant_id: str) -> Response:
    """Let a business go on."""
    return await _change(request, operator, parse_id(tenant_id), "active")


async def _change(request: Request, operator: Operator, tenant_id: UUID, status: str) -> Response:
    reason = (await form_of(request)).get("reason", "")
    try:
        await operator_access.set_status(
            deps_of(request).db, operator, tenant_id, "suspended" if status == "suspended" else "active", reason
        )
    except (NotFoundError, ConflictError):
        raise
    except KonstructError as error:
        return await _page(request, operator, tenant_id, error=str(error), reason=reason, status=422)
    return go(f"/operator/tenants/{tenant_id}?done={status}")


async def _page(
    request: Request, operator: Operator, tenant_id: UUID, *, told: str = "", error: str = "", reason: str = "", status: int = 200
) -> Response:
    db = deps_of(request).db
    found = await repository.find(db, tenant_id)
    if found is None:
        raise NotFoundError("there is no such business")

    async def records(session: TenantSession) -> tuple[list[Access], list[Done]]:
        accesses = await operator_access_repository.list_accesses(session)
        return accesses, await operator_access_repository.list_done(session)

    accesses, done = await db.run(TenantScope(tenant_id), records)
    view = TenantDetail(row_of(found), log_of(accesses, done), told, error, reason)
    return show("tenant.html", operator, status, view=view)
