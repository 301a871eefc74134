"""A conversation and its messages, as bodies of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field

from konstruct.conversations import thread_repository
from konstruct.conversations.overview_repository import Overview
from konstruct.web.api.models import ID, example

_PERSON: dict[str, Any] = {"id": ID, "name": "Robin", "external_id": "U024BE7LH", "first_seen": "2026-03-01T08:59:00Z"}


class Person(BaseModel):
    """Somebody who wrote in the conversation."""

    model_config = example(**_PERSON)

    id: UUID
    name: str
    external_id: str = Field(description="The channel's own id of the person.")
    first_seen: datetime


class Conversation(BaseModel):
    """A conversation: who answers it, who wrote in it, and what it took."""

    model_config = example(
        id=ID, kind="thread", channel="slack", account_external_id="T024BE7LD", account_status="active",
        channel_id="C024BE91L", owner="ai", owner_epoch=2, answered_by=None, owned_since=None, employee="Ada",
        created_at="2026-03-01T08:59:00Z", messages=4, turns=2, human_replies=0, cost_micro=960, unpriced_calls=0,
        people=[_PERSON],
    )  # fmt: skip

    id: UUID
    kind: str
    channel: str
    account_external_id: str
    account_status: str
    channel_id: str
    owner: str = Field(description="ai or human: who answers.")
    owner_epoch: int = Field(description="Grows with each takeover and hand-back.")
    answered_by: str | None = Field(description="The member who took it over.")
    owned_since: datetime | None
    employee: str
    created_at: datetime
    messages: int
    turns: int
    human_replies: int
    cost_micro: int = Field(description="Millionths of a US dollar, of the calls whose price is known.")
    unpriced_calls: int = Field(description="Calls of the language model whose price is not known.")
    people: list[Person] = Field(description="Those who wrote lately, 20 at most.")

    @classmethod
    def of(cls, overview: Overview) -> Self:
        """Return a conversation as the API shows it."""
        return cls(
            id=overview.id,
            kind=overview.kind,
            channel=overview.channel,
            account_external_id=overview.account,
            account_status=overview.account_status,
            channel_id=overview.channel_id,
            owner=overview.owner,
            owner_epoch=overview.owner_epoch,
            answered_by=overview.answered_by,
            owned_since=overview.owned_since,
            employee=overview.employee,
            created_at=overview.since,
            messages=overview.messages,
            turns=overview.turns,
            human_replies=overview.human_replies,
            cost_micro=overview.cost_micro,
            unpriced_calls=overview.unpriced_calls,
            people=[Person.model_validate(person) for person in overview.people],
        )


class Message(BaseModel):
    """Something that was said."""

    model_config = example(
        id=ID, seq=2, author="ai", author_name=None, text="We open at nine.", files=[], state="sent",
        sent_at="2026-03-01T09:00:02Z", edited_at=None, event=None, delivery="sent", delivery_reason=None, turn_id=ID,
        rated_good=1, rated_bad=1, comments=["The opening hours are the old ones."],
    )  # fmt: skip

    id: UUID
    seq: int = Field(description="Its number in the conversation, from 1.")
    author: str = Field(description="contact, ai or human (a member of the business).")
    author_name: str | None = Field(description="null for the employee.")
    text: str
    files: list[str] = Field(description="Names of the files that came with it.")
    state: str = Field(
        description="held: not meant for the employee. pending, in_turn, answered: on its way to an answer. human: left to a"
        " person. settled: a word such as STOP, which was done at once. withdrawn: deleted by whoever wrote it; nothing of it is"
        " left. sent: said by the business."
    )
    sent_at: datetime
    edited_at: datetime | None = Field(description="When whoever wrote it changed it last; the text is the changed one.")
    event: str | None = Field(description="taken_over, handed_back or asked_for_human: this message told people of it.")
    delivery: str | None = Field(
        description="What became of it on its way out: sent, pending, held (it waits until the person writes again), unknown,"
        " failed, cancelled, partly."
    )
    delivery_reason: str | None
    turn_id: UUID | None = Field(description="The turn that made it, or that ended or goes on without an answer to it.")
    rated_good: int = Field(description="How many people of the conversation rate it as good.")
    rated_bad: int = Field(description="How many rate it as bad.")
    comments: list[str] = Field(description="What those say who rate it as bad.")

    @classmethod
    def of(cls, message: thread_repository.Message) -> Self:
        """Return a message as the API shows it."""
        return cls(
            id=message.id,
            seq=message.seq,
            author=message.author,
            author_name=message.who,
            text=message.text,
            files=list(message.files),
            state=message.state,
            sent_at=message.at,
            edited_at=message.edited_at,
            event=message.event,
            delivery=message.delivery,
            delivery_reason=message.delivery_reason,
            turn_id=message.turn.id if message.turn else None,
            rated_good=message.good,
            rated_bad=message.bad,
            comments=list(message.comments),
        )
