"""Whether Meta has verified the business: what to do next, what has happened, and what an admin enters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts_status, verifications, verifications_repository
from konstruct.channels.accounts_status import AccountStatus
from konstruct.channels.verifications_repository import State, Verification
from konstruct.channels.watching import AccountWatch
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.channels import verification_words as words
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_CHANNELS))]
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))]


@dataclass(frozen=True, slots=True)
class VerificationView:
    """The page."""

    account: AccountStatus
    current: Verification | None
    history: list[Verification]

    @property
    def state(self) -> State:
        """How it stands."""
        return self.current.state if self.current is not None else "not_started"

    @property
    def badge(self) -> tuple[str, str]:
        """(words, tone)."""
        return words.BADGES[self.state]

    @property
    def next(self) -> words.Next:
        """What to do now."""
        return words.next_of(self.state, self.current.said if self.current else None)

    @property
    def by_hand(self) -> list[tuple[State, str]]:
        """What may be entered, each with its label; nothing where Meta itself tells."""
        if self.current is not None and self.current.source == "provider":
            return []
        return [(state, words.ENTER[state]) for state in verifications.NEXT[self.state]]

    @property
    def track(self) -> list[tuple[str, str]]:
        """(title, done · now · next · bad) of the three stations."""
        return words.track(self.state)


def router() -> APIRouter:
    """Return the routes of an account's verification."""
    routes = APIRouter(prefix="/channels/{account_id}/verification")
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("", enter, methods=["POST"])
    routes.add_api_route("/look", look, methods=["POST"])
    return routes


async def show(request: Request, visitor: Viewing, account_id: str) -> Response:
    """Show how it stands and what comes next."""
    return await _page(request, visitor, parse_id(account_id))


async def enter(request: Request, visitor: Managing, account_id: str) -> Response:
    """Enter what Meta wrote to the business; the form's `verification` is one of the four."""
    account, entered = parse_id(account_id), await form_of(request)
    state = entered.get("verification", "")
    if state not in verifications.STATES:
        return await _page(request, visitor, account, 422, "Choose what Meta wrote to you.")
    try:
        async with deps_of(request).db.tenant(visitor.scope) as session:
            _must_be_a_number(await accounts_status.get(session, account))
            await verifications.enter(session, account, state, visitor.member.name)
    except verifications.ProviderTellsError:
        return await _page(request, visitor, account, 409, "Meta itself tells how it stands: nobody can enter another.")
    except ConflictError:
        return await _page(request, visitor, account, 409, "That cannot follow what stands here. Look at it once more.")
    return _to(account)


async def look(request: Request, visitor: Managing, account_id: str) -> Response:
    """Ask Meta now instead of tomorrow."""
    account, deps = parse_id(account_id), deps_of(request)
    async with deps.db.tenant(visitor.scope) as session:
        _must_be_a_number(await accounts_status.get(session, account))
    await AccountWatch(deps.db, deps.credentials, deps.adapters).look(visitor.scope, account)
    return _to(account)


async def _page(request: Request, visitor: Visitor, account: UUID, status: int = 200, error: str = "") -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await accounts_status.get(session, account)
        _must_be_a_number(found)
        history = await verifications_repository.history(session, account)
    view = VerificationView(found, history[0] if history else None, history)
    return page("channels/verification.html", visitor, status, view=view, words=words, error=error)


def _must_be_a_number(account: AccountStatus) -> None:
    if account.business_account_id is None:
        raise NotFoundError(f"account {account.id} needs no verification")


def _to(account: UUID) -> RedirectResponse:
    return RedirectResponse(f"/channels/{account}/verification", status_code=303, headers=HEADERS)
