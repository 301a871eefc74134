"""What was said, and who answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from konstruct.conversations import inbox_repository, overview_repository, thread_repository
from konstruct.conversations.inbox_repository import Filter
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Cursor, Id, Limit, Page, example
from konstruct.web.api.reading import filter_id, found, parse_id
from konstruct.web.api.resources import answering
from konstruct.web.api.resources.threads import Conversation, Message
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_CONVERSATIONS))]


class ListedConversation(BaseModel):
    """A conversation as a list shows it."""

    model_config = example(
        id=ID, last_message_at="2026-03-01T09:00:00Z", channel="slack", account_external_id="T024BE7LD", kind="thread",
        channel_id="C024BE91L", state="ai", person="Robin", last_author="contact", last_line="When do you open?", files=0,
        answered_by=None, needs_answer=False,
    )  # fmt: skip

    id: UUID
    last_message_at: datetime
    channel: str = Field(description="Which kind of channel, such as slack.")
    account_external_id: str = Field(description="The provider's own id of the account.")
    kind: str = Field(description="direct, thread or contact.")
    channel_id: str
    state: str = Field(description="ai: the employee answers. waiting: an answer is overdue. human: a person answers.")
    person: str | None = Field(description="Who wrote last, of the business's customers.")
    last_author: str | None = Field(description="contact, ai or human.")
    last_line: str = Field(description="How the last message begins.")
    files: int = Field(description="Files of the last message.")
    answered_by: str | None = Field(description="The member who took it over.")
    needs_answer: bool = Field(description="A person answers here, and somebody waits for that.")


def router() -> APIRouter:
    """Return the routes of /conversations."""
    routes = APIRouter(route_class=ApiRoute, tags=["conversations"], prefix="/conversations")
    add = routes.add_api_route
    add(
        "", index, methods=["GET"], response_model=Page[ListedConversation], operation_id="list_conversations",
        summary="List conversations",
    )  # fmt: skip
    add(
        "/{conversation_id}", show, methods=["GET"], response_model=Conversation, operation_id="get_conversation",
        summary="Read a conversation",
    )  # fmt: skip
    add(
        "/{conversation_id}/messages", messages, methods=["GET"], response_model=Page[Message], operation_id="list_messages",
        summary="Read a conversation's messages",
    )  # fmt: skip
    answering.add_routes(routes)
    return routes


async def index(
    request: Request,
    caller: Viewing,
    state: Annotated[Literal["ai", "waiting", "human", "needs_answer"] | None, Query(description="Only in this state.")] = None,
    channel: Annotated[str | None, Query(description="Only of this channel, such as slack.", max_length=32)] = None,
    account_id: Annotated[str | None, Query(description="Only of this channel account.", max_length=64)] = None,
    contact_id: Annotated[str | None, Query(description="Only those in which this person wrote.", max_length=64)] = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Page[ListedConversation]:
    """List the conversations, the one with the latest message first. One in which something is said moves to the front."""
    places = Places(caller.scope, "conversations", (datetime, UUID))
    place = places.parse(cursor)
    wanted = Filter(
        show="needs_me" if state == "needs_answer" else state or "all",
        channel=channel,
        account_id=filter_id(account_id),
        contact_id=filter_id(contact_id),
    )
    before = inbox_repository.Cursor(*place) if place else None
    async with deps_of(request).db.tenant(caller.scope) as session:
        rows, following = await inbox_repository.list_conversations(session, wanted, before, limit)
    items = [
        ListedConversation(
            id=row.id,
            last_message_at=row.at,
            channel=row.channel,
            account_external_id=row.account,
            kind=row.kind,
            channel_id=row.channel_id,
            state=row.state,
            person=row.person,
            last_author=row.author,
            last_line=row.line,
            files=row.files,
            answered_by=row.answered_by,
            needs_answer=row.needs_me,
        )
        for row in rows
    ]
    return Page(items=items, next_cursor=places.after((following.at, following.id)) if following else None)


async def show(request: Request, caller: Viewing, conversation_id: Id) -> Conversation:
    """Return one conversation: who answers it, who wrote in it, what it took."""
    wanted = parse_id(conversation_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        return Conversation.of(await overview_repository.overview(session, wanted))


async def messages(
    request: Request, caller: Viewing, conversation_id: Id, cursor: Cursor = None, limit: Limit = LIMIT
) -> Page[Message]:
    """List what was said, the newest first."""
    wanted, places = parse_id(conversation_id), Places(caller.scope, "messages", (int,))
    [before] = places.parse(cursor) or (None,)
    async with deps_of(request).db.tenant(caller.scope) as session:
        found(await overview_repository.exists(session, wanted) or None)
        rows = await thread_repository.messages_before(session, wanted, before, limit + 1)
    kept, following = places.cut(rows[::-1], limit, lambda row: (row.seq,))
    return Page(items=[Message.of(row) for row in kept], next_cursor=following)
