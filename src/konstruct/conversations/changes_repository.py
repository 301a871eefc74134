"""SQL of what people change and delete: the message itself, and whatever was derived from it.

Each function expects the message's conversation to be locked: so nobody answers, merges or changes it meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from konstruct.conversations.search_terms import NOTHING, terms_of
from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Post:
    """A stored message, found by what its provider calls it."""

    id: UUID
    conversation_id: UUID


@dataclass(frozen=True, slots=True)
class Changed:
    """What is to be known of a message that was changed, to change what was derived from it."""

    id: UUID
    conversation_id: UUID
    seq: int
    turn_id: UUID | None
    was: str
    """Its state before."""
    created_at: datetime
    name: str | None


_RETURNED = (
    " RETURNING m.id, m.conversation_id, m.seq, m.turn_id, old.state AS was, m.created_at,"
    " (SELECT k.display_name FROM contacts k WHERE k.tenant_id = $1 AND k.id = m.contact_id) AS name"
)


async def find(session: TenantSession, account_id: UUID, channel_id: str, external_id: str) -> Post | None:
    """Return the message of a person that the provider calls `external_id` in a channel of the account, or None."""
    row = await session.fetchrow(
        "SELECT m.id, m.conversation_id FROM messages m"
        " JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id"
        " WHERE m.tenant_id = $1 AND m.external_id = $2 AND m.direction = 'in' AND c.account_id = $3 AND c.channel_id = $4",
        session.scope.tenant_id,
        external_id,
        account_id,
        channel_id,
    )
    return Post(**row) if row else None


async def bury(session: TenantSession, post_key: str) -> bool:
    """Let a post that has not come yet find, when it comes, that it was deleted; False if it has come after all."""
    return bool(
        await session.execute(
            "INSERT INTO dedupe_keys (tenant_id, key) VALUES ($1, $2) ON CONFLICT DO NOTHING", session.scope.tenant_id, post_key
        )
    )


async def is_buried(session: TenantSession, post_key: str) -> bool:
    """Return whether the post was deleted before it came."""
    return bool(
        await session.fetchval(
            "SELECT true FROM dedupe_keys WHERE tenant_id = $1 AND key = $2 AND message_id IS NULL",
            session.scope.tenant_id,
            post_key,
        )
    )


async def lock(session: TenantSession, post: Post) -> None:
    """Lock the conversation, and keep the indexer away, which may just be reading the old words."""
    await session.execute(
        "SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
        session.scope.tenant_id,
        post.conversation_id,
    )
    await session.execute("SELECT 1 FROM search_progress WHERE tenant_id = $1 FOR UPDATE", session.scope.tenant_id)


async def rewrite(
    session: TenantSession, post: Post, text: str, attachments: Sequence[Mapping[str, Any]], at: datetime
) -> Changed | None:
    """Give the message its new words; None for one that is deleted, or was edited at `at` or later."""
    row = await session.fetchrow(
        "UPDATE messages m SET text = $3, attachments = $4::jsonb, edited_at = $5, changed_at = now()"
        " WHERE m.tenant_id = $1 AND m.id = $2 AND m.deleted_at IS NULL AND (m.edited_at IS NULL OR m.edited_at < $5)"
        + _RETURNED,
        session.scope.tenant_id,
        post.id,
        text,
        orjson.dumps(list(attachments), default=dict).decode(),
        at,
    )
    return Changed(**row) if row else None


async def withdraw(session: TenantSession, post: Post) -> Changed | None:
    """Take the message's words away and let nobody answer it; None if that was done already."""
    row = await session.fetchrow(
        "UPDATE messages m SET text = '', attachments = '[]', context = NULL, state = 'withdrawn', deleted_at = now(),"
        "   changed_at = now() WHERE m.tenant_id = $1 AND m.id = $2 AND m.deleted_at IS NULL" + _RETURNED,
        session.scope.tenant_id,
        post.id,
    )
    return Changed(**row) if row else None


async def address(session: TenantSession, post: Post, burst_s: float) -> bool:
    """Let a message that was not addressed be answered, once; return whether it is to be answered now."""
    outcome: str = await session.fetchval(
        "SELECT ingest_merge($1, $2, true, $3)", session.scope.tenant_id, post.id, timedelta(seconds=burst_s)
    )
    return outcome == "ready"


async def forget_bodies(session: TenantSession, changed: Changed) -> None:
    """Delete the provider's bytes of the message: they say what it said before."""
    await session.execute(
        "DELETE FROM inbound_events WHERE tenant_id = $1 AND id = $2"
        " AND received_at BETWEEN $3::timestamptz - interval '1 hour' AND $3::timestamptz + interval '15 days'",
        session.scope.tenant_id,
        changed.id,
        changed.created_at,
    )


async def forget_summaries(session: TenantSession, changed: Changed) -> None:
    """Delete the summaries that stand for the message: they are made anew when they are needed."""
    await session.execute(
        "DELETE FROM summaries WHERE tenant_id = $1 AND conversation_id = $2 AND $3 BETWEEN from_seq AND to_seq",
        session.scope.tenant_id,
        changed.conversation_id,
        changed.seq,
    )


async def forget_files(session: TenantSession, changed: Changed, kept: Sequence[str] = ()) -> None:
    """Delete what the message's files say, save those of the ids `kept`."""
    await session.execute(
        "DELETE FROM message_files WHERE tenant_id = $1 AND message_id = $2 AND NOT file_id = ANY($3)",
        session.scope.tenant_id,
        changed.id,
        list(kept),
    )


async def index_again(session: TenantSession, changed: Changed, text: str | None) -> None:
    """Replace the message's postings by those of `text`; None: by none. One that is not indexed yet stays for the indexer."""
    terms = (NOTHING,) if text is None else terms_of(text, changed.name)
    gone = await session.execute(
        "DELETE FROM message_terms WHERE tenant_id = $1 AND message_id = $2", session.scope.tenant_id, changed.id
    )
    if gone or text is None:
        await session.execute(
            "INSERT INTO message_terms (tenant_id, term, message_id) SELECT $1, t, $2 FROM unnest($3::text[]) AS t ORDER BY t",
            session.scope.tenant_id,
            changed.id,
            list(terms),
        )


async def forget_thoughts(session: TenantSession, changed: Changed) -> None:
    """Delete what turns that saw the message have thought and asked of tools; one under way has to think anew.

    That there were such turns, what they cost and what the employee said stays.
    """
    tenant_id, since = session.scope.tenant_id, changed.created_at - timedelta(seconds=10)
    await session.execute(
        "UPDATE turns SET revision = revision + 1 WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'running'",
        tenant_id,
        changed.conversation_id,
    )
    for table in ("tool_calls", "steps"):
        await session.execute(
            f"DELETE FROM {table} WHERE tenant_id = $1 AND turn_id IN (SELECT t.id FROM turns t"  # two constants
            "   WHERE t.tenant_id = $1 AND t.conversation_id = $2 AND (t.started_at >= $3 OR t.id = $4))",
            tenant_id,
            changed.conversation_id,
            since,
            changed.turn_id,
        )
