"""Writing to a contact first."""

from __future__ import annotations

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from konstruct.channels import account_list_repository
from konstruct.channels.outreach import writing_repository
from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.words import sentence
from konstruct.channels.outreach.writing import write_in
from konstruct.channels.templates import filling, templates_repository
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, Body, example
from konstruct.web.api.problems import ApiError, FieldsError
from konstruct.web.api.reading import filter_id, found
from konstruct.web.api.writes import Writing, content_of

Answering = Annotated[Caller, Depends(require(Permission.ANSWER_CONVERSATIONS))]
_NO_DIGITS = re.compile(r"[^0-9]")
_FORMATTED = re.compile(r"\+?[0-9()./ -]{3,40}")
_VALUES_MAX = 50
_VALUE_MAX = 2000

Value = Annotated[str, Field(max_length=_VALUE_MAX)]


class FilledButton(Body):
    """The end of the address behind a button."""

    index: int = Field(ge=0, lt=20, description="Which button, counted from 0.")
    text: Value


class FilledTemplate(Body):
    """A template, and what is filled in, in the order of `GET /templates`."""

    name: str = Field(min_length=1, max_length=512)
    language: str = Field(min_length=1, max_length=20)
    header: list[Value] = Field(default=[], max_length=_VALUES_MAX)
    body: list[Value] = Field(default=[], max_length=_VALUES_MAX)
    buttons: list[FilledButton] = Field(default=[], max_length=20)


class Outreach(Body):
    """To whom, and what."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "contact_id": ID,
                    "template": {"name": "order_ready", "language": "en", "body": ["Robin", "your bike"]},
                }
            ]
        },
    )

    contact_id: str | None = Field(default=None, max_length=64, description="The contact; or `phone_number` with its account.")
    channel_account_id: str | None = Field(
        default=None, max_length=64, description="Through which account: needed with `phone_number`."
    )
    phone_number: str | None = Field(
        default=None, max_length=40, description="Of a contact that is known, with its country code: +1 555 010 0199."
    )
    template: FilledTemplate


class Written(BaseModel):
    """A message that is on its way; it waits if it has to."""

    model_config = example(
        message_id=ID, conversation_id=ID, contact_id=ID, channel_account_id=ID, text="Hello Robin, your bike is ready."
    )

    message_id: UUID
    conversation_id: UUID
    contact_id: UUID
    channel_account_id: UUID
    text: str = Field(description="How it reads.")


def router() -> APIRouter:
    """Return the routes of /outreach."""
    routes = APIRouter(route_class=ApiRoute, tags=["outreach"], prefix="/outreach")
    routes.add_api_route(
        "", create, methods=["POST"], response_model=Written, operation_id="create_outreach", summary="Write to a contact first",
        status_code=201, responses={404: {"description": "No such contact."}},
    )  # fmt: skip
    return routes


async def create(request: Request, caller: Answering, body: Outreach, once: Writing) -> Response:
    """Write to a contact first, by an approved template, in the name of the key's maker. It is sent in the background.

    Refused (409, with its `reason`) if anything is against it: consent, the template's state, the account's standing.
    """

    async def work(db: Database) -> tuple[int, Written]:
        async with db.tenant(caller.scope) as session:
            account_id, contact_id = await _whom(session, body)
            use = await _use(session, account_id, body.template)
            written = await write_in(session, account_id=account_id, contact_id=contact_id, use=use, by=caller.member.id)
            if isinstance(written, Refused):
                raise ApiError(409, sentence(written.reason), reason=written.reason)
            said = await writing_repository.said(session, written)
        return 201, Written(
            message_id=written,
            conversation_id=said.conversation_id,
            contact_id=contact_id,
            channel_account_id=account_id,
            text=said.text,
        )

    return await once.do(content_of(body), work)


async def _whom(session: TenantSession, body: Outreach) -> tuple[UUID, UUID]:
    """Return account and contact. Raises NotFoundError, and FieldsError for fields that do not go together."""
    account = filter_id(body.channel_account_id)
    if (body.contact_id is None) == (body.phone_number is None):
        raise FieldsError({"contact_id": "Either contact_id or phone_number, not both."})
    if body.contact_id is not None:
        contact = filter_id(body.contact_id)
        assert contact is not None
        knows = found(await writing_repository.account_of(session, contact))
        if account not in (None, knows):
            raise FieldsError({"channel_account_id": "Another account knows this contact."})
        return knows, contact
    if account is None:
        raise FieldsError({"channel_account_id": "Say through which account: a phone number alone does not tell."})
    found(await account_list_repository.find(session, account))
    digits = _NO_DIGITS.sub("", body.phone_number or "")
    if not _FORMATTED.fullmatch((body.phone_number or "").strip()) or not digits:
        raise FieldsError({"phone_number": "A phone number has digits, with the country code first: +1 555 010 0199."})
    known = await writing_repository.find_contact(session, account, digits)
    if known is None:
        raise FieldsError({"phone_number": "No contact of this account has this number."})
    return account, known


async def _use(session: TenantSession, account_id: UUID, filled: FilledTemplate) -> TemplateUse:
    """Return the template filled in. Raises FieldsError for places that are filled in wrongly."""
    known = await templates_repository.find(session, account_id, filled.name, filled.language)
    buttons = tuple((button.index, button.text) for button in filled.buttons)
    use = TemplateUse(filled.name, filled.language, tuple(filled.body), tuple(filled.header), buttons)
    if known is None or not known.approved or not known.usable:
        # The writer says why.
        return use
    if (values := filling.values_of(known, use)) is None:
        raise FieldsError({"template": sentence(filling.WRONG_NUMBER)})
    use = filling.use_of(known, values)
    if wrong := filling.problems(known, use):
        raise FieldsError({_name(key): sentence(word) for key, word in wrong.items()})
    return use


def _name(key: str) -> str:
    piece, _, index = key.partition("-")
    return f"template.{'buttons' if piece == 'button' else piece}.{index}" if piece else "template"
