"""Answering in place of the employee: taking a conversation over, handing it back, and replying in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import ConfigDict, Field

from konstruct.channels.surface import renderer
from konstruct.conversations import overview_repository, ownership, place, replies, thread_repository
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.place import Render
from konstruct.db.database import Database
from konstruct.kit.ids import uuid7
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.guard import require
from konstruct.web.api.models import Body, Id
from konstruct.web.api.reading import parse_id
from konstruct.web.api.resources.threads import Conversation, Message
from konstruct.web.api.writes import Once, Writing, content_of
from konstruct.web.deps import deps_of

Answering = Annotated[Caller, Depends(require(Permission.ANSWER_CONVERSATIONS))]
_EPOCH = (
    "The conversation's `owner_epoch` as you read it: if it is another one by now, nothing is changed (409)."
    " null: whatever it is."
)


class OwnerChange(Body):
    """Under which owner."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"owner_epoch": 2}]})

    owner_epoch: int | None = Field(default=None, ge=0, lt=2**53, description=_EPOCH)


class NewMessage(Body):
    """What to say."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "I have looked it up: your bike is ready.", "owner_epoch": 3}]}
    )

    text: str = Field(description="Up to 8000 characters of Markdown.")
    owner_epoch: int | None = Field(default=None, ge=0, lt=2**53, description=_EPOCH)


def add_routes(routes: APIRouter) -> None:
    """Add the routes that change who answers, and that answer."""
    add = routes.add_api_route
    add(
        "/{conversation_id}/takeover", take_over, methods=["POST"], response_model=Conversation,
        operation_id="take_over_conversation", summary="Take a conversation over",
    )  # fmt: skip
    add(
        "/{conversation_id}/handback", hand_back, methods=["POST"], response_model=Conversation,
        operation_id="hand_back_conversation", summary="Hand a conversation back",
    )  # fmt: skip
    add(
        "/{conversation_id}/messages", reply, methods=["POST"], response_model=Message, operation_id="create_message",
        summary="Reply in a conversation", status_code=201,
    )  # fmt: skip


async def take_over(
    request: Request, caller: Answering, conversation_id: Id, once: Writing, body: OwnerChange | None = None
) -> Response:
    """Let a person answer from now on: the employee keeps silent, and people are told, once, in the name of the key's maker."""
    return await _change(request, caller, conversation_id, once, body or OwnerChange(), ownership.take_over)


async def hand_back(
    request: Request, caller: Answering, conversation_id: Id, once: Writing, body: OwnerChange | None = None
) -> Response:
    """Let the employee answer again. It is asked what nobody has answered, and people are told, once."""
    return await _change(request, caller, conversation_id, once, body or OwnerChange(), ownership.hand_back)


async def reply(request: Request, caller: Answering, conversation_id: Id, body: NewMessage, once: Writing) -> Response:
    """Say something in the name of the key's maker, in a conversation that was taken over. It is sent in the background."""
    wanted, who, render = parse_id(conversation_id), _colleague(caller), _render(request)

    async def work(db: Database) -> tuple[int, Message]:
        async with db.tenant(caller.scope) as session:
            here = await place.lock(session, wanted)
            epoch = here.owner_epoch if body.owner_epoch is None else body.owner_epoch
            await replies.reply(session, wanted, epoch, uuid7(), body.text, who, render)
            # The conversation is locked: the latest message is this one.
            [said] = await thread_repository.messages_before(session, wanted, None, 1)
        return 201, Message.of(said)

    return await once.do(content_of(body), work)


async def _change(
    request: Request, caller: Caller, conversation_id: str, once: Once, body: OwnerChange, change: ownership.Change
) -> Response:
    wanted, who, render = parse_id(conversation_id), _colleague(caller), _render(request)

    async def work(db: Database) -> tuple[int, Conversation]:
        async with db.tenant(caller.scope) as session:
            here = await place.lock(session, wanted)
            epoch = here.owner_epoch if body.owner_epoch is None else body.owner_epoch
            await change(session, wanted, epoch, who, render)
            return 200, Conversation.of(await overview_repository.overview(session, wanted))

    return await once.do(content_of(body), work)


def _colleague(caller: Caller) -> Colleague:
    return Colleague(caller.member.id, caller.member.name)


def _render(request: Request) -> Render:
    return renderer(deps_of(request).adapters)
