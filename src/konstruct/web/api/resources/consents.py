"""Consent to be written to first: recorded by the programs of the business, and withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from konstruct.conversations.consent import lists_repository, people_repository, recording
from konstruct.conversations.consent.evidence import (
    HOW_MAX,
    PROOF_MAX,
    VERSION_MAX,
    WORDING_MAX,
    Evidence,
    EvidenceError,
    read_evidence,
)
from konstruct.conversations.consent.person_id import PersonIdError, read_person_id, region_of
from konstruct.conversations.consent.reading_list import NAME_MAX
from konstruct.conversations.consent.recorder import Recorder
from konstruct.conversations.consent.recording import LeftError
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.kit.text import storable
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, Body, example
from konstruct.web.api.problems import FieldsError
from konstruct.web.api.writes import Writing, content_of
from konstruct.web.deps import deps_of

Recording = Annotated[Caller, Depends(require(Permission.RECORD_CONSENT))]
Purpose = Literal["marketing", "utility", "any"]
_ACCOUNT = "Which of your numbers it is about; null: the only account that is connected."
_PERSON = "The phone number with its country code, or the channel's own id of the person."


class NewConsent(Body):
    """What somebody has agreed to, and what proves it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "person": "+49 151 12345678", "name": "Maria Muster", "purpose": "marketing",
                    "obtained_at": "2026-03-31T14:05:00+02:00", "how": "form on our website",
                    "wording": "Yes, send me news and offers by WhatsApp.", "version": "2026-01",
                    "proof": "https://example.com/forms/4711",
                }
            ]
        },
    )  # fmt: skip

    account_id: UUID | None = Field(default=None, description=_ACCOUNT)
    person: str = Field(min_length=1, max_length=150, description=_PERSON)
    name: str | None = Field(default=None, max_length=NAME_MAX)
    purpose: Purpose = Field(description="marketing: offers. utility: their own orders and bookings. any: both.")
    obtained_at: datetime = Field(description="When they agreed. Not in the future.")
    expires_at: datetime | None = Field(default=None, description="Until when it holds; null: until it is withdrawn.")
    how: str = Field(min_length=1, max_length=HOW_MAX, description="How they agreed, such as: form on our website.")
    wording: str = Field(min_length=1, max_length=WORDING_MAX, description="The sentence that they agreed to, word by word.")
    version: str | None = Field(default=None, max_length=VERSION_MAX, description="Which version of the sentence.")
    proof: str = Field(min_length=1, max_length=PROOF_MAX, description="What proves it: a link, a file's name, a number.")


class NewWithdrawal(Body):
    """Somebody wants no more messages."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"person": "+49 151 12345678", "purpose": "any", "said": "By e-mail, ticket 4711"}]},
    )

    account_id: UUID | None = Field(default=None, description=_ACCOUNT)
    person: str = Field(min_length=1, max_length=150, description=_PERSON)
    purpose: Purpose = Field(default="any", description="Which messages they want no more.")
    said: str = Field(default="", max_length=500, description="What they said, and where.")


class ConsentState(BaseModel):
    """Whether a person may be written to first."""

    model_config = example(contact_id=ID, person="4915112345678", state="waiting")

    contact_id: UUID
    person: str
    state: str = Field(
        description="live: they may be written to. utility: about their orders only. waiting: what is recorded does not count"
        " yet; an admin has to confirm its list in the portal. withdrawn: they took it back. opted_out: they asked for no"
        " more messages themselves, and only they can take that back."
    )


_UNKNOWN: dict[int | str, dict[str, Any]] = {404: {"description": "No such account or contact."}}


def router() -> APIRouter:
    """Return the routes of /consents."""
    routes = APIRouter(route_class=ApiRoute, tags=["consents"], prefix="/consents")
    add = routes.add_api_route
    add("", create, methods=["POST"], response_model=ConsentState, operation_id="create_consent", summary="Record a consent",
        status_code=201, responses=_UNKNOWN)  # fmt: skip
    add("/withdrawals", withdraw, methods=["POST"], response_model=ConsentState, operation_id="create_withdrawal",
        summary="Withdraw consent", status_code=201, responses=_UNKNOWN)  # fmt: skip
    return routes


async def create(request: Request, caller: Recording, body: NewConsent, once: Writing) -> Response:
    """Record what somebody has agreed to. It counts once an admin has confirmed, in the portal and once for all, what your
    programs record. Somebody who asked for no more messages is refused: only they can take that back."""
    evidence = _evidence(body)
    kinds = list(deps_of(request).adapters)

    async def work(db: Database) -> tuple[int, ConsentState]:
        async with db.tenant(caller.scope) as session:
            account_id, person_id = await _whom(session, kinds, body)
            name, who = (body.name or "").strip() or None, Recorder(caller.member.name, caller.member.id)
            try:
                contact_id = await recording.record(session, account_id, "api", person_id, name, evidence, who)
            except LeftError as error:
                raise FieldsError({"person": str(error)}) from None
            return 201, await _state(session, contact_id)

    return await once.do(content_of(body), work)


async def withdraw(request: Request, caller: Recording, body: NewWithdrawal, once: Writing) -> Response:
    """Note that somebody wants no more messages. It holds at once: what waits to be sent and is no longer allowed is cancelled.
    Somebody whom nobody knows yet is noted as well, so that no later list brings them back by mistake."""
    kinds = list(deps_of(request).adapters)

    async def work(db: Database) -> tuple[int, ConsentState]:
        async with db.tenant(caller.scope) as session:
            account_id, person_id = await _whom(session, kinds, body)
            contact_id = (await people_repository.meet(session, account_id, [(person_id, None)]))[person_id]
            who = Recorder(caller.member.name, caller.member.id)
            await recording.withdraw(session, contact_id, "api", body.purpose, storable(body.said).strip(), who)
            return 201, await _state(session, contact_id)

    return await once.do(content_of(body), work)


def _evidence(body: NewConsent) -> Evidence:
    values = {name: str(value) for name, value in body.model_dump(exclude_none=True).items()}
    for name in ("obtained_at", "expires_at"):
        moment: datetime | None = getattr(body, name)
        if moment is not None:
            values[name] = moment.isoformat()
    try:
        return read_evidence(values, UTC, datetime.now(UTC))
    except EvidenceError as error:
        raise FieldsError(error.errors) from None


async def _whom(session: TenantSession, kinds: list[str], body: NewConsent | NewWithdrawal) -> tuple[UUID, str]:
    """Return the account and the person that a body names. Raises NotFoundError, FieldsError."""
    accounts = await lists_repository.accounts(session, kinds)
    if body.account_id is None and len(accounts) != 1:
        raise FieldsError({"account_id": "say which account: there is not exactly one"})
    account = next((each for each in accounts if body.account_id in (None, each.id)), None)
    if account is None:
        raise NotFoundError("this account is not connected")
    try:
        return account.id, read_person_id(storable(body.person), region_of(account.digits))
    except PersonIdError as error:
        raise FieldsError({"person": str(error)}) from None


async def _state(session: TenantSession, contact_id: UUID) -> ConsentState:
    contact = await people_repository.contact(session, contact_id)
    if contact is None:
        raise NotFoundError(f"there is no contact {contact_id}")
    return ConsentState(contact_id=contact_id, person=contact["external_id"], state=contact["state"])
