"""Dead letters of all tenants: what could not be answered or shown; retried or discarded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response

from konstruct.conversations import dead_letters
from konstruct.conversations import fleet_dead_letters_repository as repository
from konstruct.conversations.dead_letters import Decision, MayShowTwiceError
from konstruct.conversations.dead_letters_repository import DeadLetter
from konstruct.conversations.fleet_dead_letters_repository import OpenLetter
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants import operator_access_repository, operator_overview_repository
from konstruct.tenants.operators_repository import Operator
from konstruct.web.deps import deps_of
from konstruct.web.operator import wording
from konstruct.web.operator.guard import Signed
from konstruct.web.operator.pages import OperatorRoute, go, show
from konstruct.web.portal.forms import form_of

log = structlog.get_logger()

TOLD = {"retried": "It is retried.", "discarded": "It is discarded.", "before": "Somebody had decided about it before."}


@dataclass(frozen=True, slots=True)
class Line:
    """A letter in the list."""

    letter: OpenLetter
    business: str
    kind: str
    says: str


@dataclass(frozen=True, slots=True)
class LettersView:
    """A page of the list."""

    lines: list[Line]
    tenant_id: UUID | None
    business: str
    newer: str
    told: str


@dataclass(frozen=True, slots=True)
class LetterView:
    """One letter's page."""

    tenant_id: UUID
    business: str
    letter: DeadLetter
    kind: str
    says: str


def router() -> APIRouter:
    """Return the routes under /operator/dead-letters."""
    routes = APIRouter(route_class=OperatorRoute, prefix="/operator/dead-letters")
    routes.add_api_route("", show_list, methods=["GET"])
    routes.add_api_route("/{tenant_id}/{letter_id}", show_one, methods=["GET"])
    routes.add_api_route("/{tenant_id}/{letter_id}/retry", retry, methods=["POST"])
    routes.add_api_route("/{tenant_id}/{letter_id}/discard", discard, methods=["POST"])
    return routes


async def show_list(request: Request, operator: Signed, tenant: str = "", behind: str = "", done: str = "") -> Response:
    """Show a page of open letters, the oldest first, of all tenants or of one."""
    db, tenant_id = deps_of(request).db, parse_id(tenant) if tenant else None
    letters, more = await repository.list_open(db, tenant_id=tenant_id, behind=_place(behind))
    names = await operator_overview_repository.names(
        db, [*([tenant_id] if tenant_id else []), *(letter.tenant_id for letter in letters)]
    )
    newer = f"/operator/dead-letters?tenant={tenant_id or ''}&behind={_mark(letters[-1])}" if more else ""
    lines = [
        Line(letter, names[letter.tenant_id], wording.KINDS[letter.kind], wording.reason(letter.reason)) for letter in letters
    ]
    view = LettersView(lines, tenant_id, names[tenant_id] if tenant_id else "", newer, TOLD.get(done, ""))
    return show("dead_letters.html", operator, view=view)


async def show_one(request: Request, operator: Signed, tenant_id: str, letter_id: str) -> Response:
    """Show one letter, and what a retry would do."""
    return await _page(request, operator, parse_id(tenant_id), parse_id(letter_id))


async def retry(request: Request, operator: Signed, tenant_id: str, letter_id: str) -> Response:
    """Retry it; what may be shown twice by that is asked again first."""
    tenant, letter, form = parse_id(tenant_id), parse_id(letter_id), await form_of(request)

    async def work(session: TenantSession) -> Decision:
        decision = await dead_letters.retry(session, letter, accept_twice=form.get("accept_twice") == "yes")
        if decision.fresh:
            await operator_access_repository.record(session, operator, "retry_dead_letter", subject_id=letter)
        return decision

    try:
        decision = await deps_of(request).db.run(TenantScope(tenant), work)
    except MayShowTwiceError:
        return await _page(request, operator, tenant, letter, status=409)
    return _decided(operator, tenant, letter, decision)


async def discard(request: Request, operator: Signed, tenant_id: str, letter_id: str) -> Response:
    """Discard it: nothing is sent."""
    tenant, letter = parse_id(tenant_id), parse_id(letter_id)

    async def work(session: TenantSession) -> Decision:
        decision = await dead_letters.discard(session, letter)
        if decision.fresh:
            await operator_access_repository.record(session, operator, "discard_dead_letter", subject_id=letter)
        return decision

    return _decided(operator, tenant, letter, await deps_of(request).db.run(TenantScope(tenant), work))


def _decided(operator: Operator, tenant_id: UUID, letter_id: UUID, decision: Decision) -> Response:
    if decision.fresh:
        log.info(
            "operator_resolved_dead_letter",
            tenant_id=str(tenant_id),
            operator_id=str(operator.id),
            dead_letter_id=str(letter_id),
            outcome=decision.resolution,
        )
    return go(f"/operator/dead-letters?done={decision.resolution if decision.fresh else 'before'}")


async def _page(request: Request, operator: Operator, tenant_id: UUID, letter_id: UUID, status: int = 200) -> Response:
    db = deps_of(request).db
    letter = await db.run(TenantScope(tenant_id), lambda session: dead_letters.find(session, letter_id))
    names = await operator_overview_repository.names(db, [tenant_id])
    view = LetterView(tenant_id, names[tenant_id], letter, wording.KINDS[letter.kind], wording.reason(letter.reason))
    return show("dead_letter.html", operator, status, view=view)


def _mark(letter: OpenLetter) -> str:
    return f"{letter.created_at.timestamp():.6f}_{letter.id}"


def _place(mark: str) -> tuple[datetime, UUID] | None:
    """Return where a page begins. Raises NotFoundError for what is no mark of ours."""
    if not mark:
        return None
    at, _, letter_id = mark.partition("_")
    try:
        return datetime.fromtimestamp(float(at), UTC), parse_id(letter_id)
    except (ValueError, OverflowError, OSError):
        raise NotFoundError("there is no such page") from None
