"""Stores inbound messages: one call, one round trip, one commit for a batch over tenants (docs/adr/0003)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import orjson

from konstruct.channels.port import InboundMessage
from konstruct.channels.routes_repository import Route
from konstruct.db.database import Database

Outcome = Literal["ready", "held", "merged", "duplicate", "human", "stranger", "withdrawn"]
"""stranger: of another company, and kept nowhere. withdrawn: deleted before it came."""

_ARRAYS = (
    "uuid[]", "uuid[]", "text[]", "bytea[]", "text[]", "text[]", "text[]", "text[]", "text[]", "text[]", "text[]", "text[]",
    "text[]", "text[]", "text[]", "boolean[]", "timestamptz[]", "text[]", "timestamptz[]", "boolean[]", "text[]", "text[]",
    "interval[]",
)  # fmt: skip
_APART = "\x1f"
"""Between the other ids of an author: a sign that no id has."""
_CALL = (
    f"SELECT ingest_messages({', '.join(f'${n}::{kind}' for n, kind in enumerate(_ARRAYS, 1))}, ${len(_ARRAYS) + 1})"  # no values
)


@dataclass(frozen=True, slots=True)
class Item:
    """A message with its route and the body it came in."""

    message: InboundMessage
    route: Route
    body: bytes
    window_s: float | None = None
    """For how long its author may be answered, where that has an end."""


async def store(db: Database, items: Sequence[Item], burst_s: float, timeout_s: float) -> list[Outcome]:
    """Store `items`, each in its own tenant's scope; return one outcome for each. All or nothing."""
    columns = list(zip(*(_row(item) for item in items), strict=True))
    outcomes: list[Outcome] = await db.call_unscoped(_CALL, *columns, timedelta(seconds=burst_s), timeout_s=timeout_s)
    return outcomes


def _row(item: Item) -> tuple[object, ...]:
    message, route = item.message, item.route
    post, client = (*message.post_keys, None, None)[:2]
    return (
        route.scope.tenant_id,
        route.account_id,
        message.event_key,
        # What came with others is kept without them.
        item.body if message.piece is None else message.piece,
        post,
        client,
        message.conversation_key,
        message.conversation_kind.value,
        message.channel_id,
        message.sender_id,
        message.sender_name,
        message.text,
        orjson.dumps(message.attachments, default=dict).decode(),
        message.external_id,
        message.thread_id,
        message.addressed,
        message.sent_at,
        orjson.dumps(message.context, default=dict).decode() if message.context else None,
        message.edited_at,
        message.stranger,
        _APART.join(message.aliases) or None,
        message.opt,
        None if item.window_s is None else timedelta(seconds=item.window_s),
    )
