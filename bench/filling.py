"""A fleet with a past: conversations, messages, turns and calls as a year would leave them, written by the server itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg

from konstruct.db.bootstrap import OWNER
from konstruct.db.maintenance import TABLES
from konstruct.kit.lexical import terms

_SQL = Path(__file__).parent / "filling.sql"
_HISTORY = Path(__file__).parent / "history.sql"
_MONTHS = """
SELECT konstruct_partition(t, (now() - make_interval(months => m))::date)
FROM unnest($1::text[]) AS t, generate_series(1, 13) AS m
"""
PER_CONVERSATION = 50


async def fill(admin_url: str, tenants: Sequence[UUID], messages: int, *, history: bool = False) -> None:
    """Give each of `tenants` so many messages, in conversations of PER_CONVERSATION, with all that belongs to them.

    `history` adds what the queue's own tables and the partitions keep of a year.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        await connection.execute(f"SET ROLE {OWNER}")
        await connection.fetch(_MONTHS, list(TABLES))
        # The rows fit together as they are: keys that are looked up one by one would take most of the time.
        await connection.execute("RESET ROLE; SET session_replication_role = replica; SET synchronous_commit = off")
        for tenant_id in tenants:
            # The superuser of a bench writes past the policies: a year in a minute. No other login can.
            await connection.execute("SELECT set_config('bench.tenant', $1, false)", str(tenant_id))
            await connection.execute("SELECT set_config('bench.conversations', $1, false)", str(messages // PER_CONVERSATION))
            for script in (_SQL, _HISTORY) if history else (_SQL,):
                await connection.execute(script.read_text(encoding="utf-8"))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


_POSTINGS = """
INSERT INTO message_terms (tenant_id, term, message_id)
SELECT $1, t, m.id FROM messages m, unnest(CASE m.direction WHEN 'in' THEN $2::text[] ELSE $3::text[] END) AS t
WHERE m.tenant_id = $1
"""
_PROGRESS = """
INSERT INTO search_progress (tenant_id, indexed_to, due_at)
SELECT tenant_id, id, now() + interval '1 day' FROM messages WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1
ON CONFLICT (tenant_id) DO UPDATE SET indexed_to = excluded.indexed_to, due_at = excluded.due_at
"""


async def index(admin_url: str, tenant_id: UUID) -> None:
    """Give the tenant's messages the postings that a worker would have made by now."""
    connection = await asyncpg.connect(admin_url)
    try:
        for direction in ("in", "out"):
            text = await connection.fetchval(
                "SELECT text FROM messages WHERE tenant_id = $1 AND direction = $2 LIMIT 1", tenant_id, direction
            )
            said = sorted(set(terms(text)))
            asked, answered = (said, []) if direction == "in" else ([], said)
            await connection.execute(_POSTINGS, tenant_id, asked, answered)
        await connection.execute(_PROGRESS, tenant_id)
        await connection.execute("VACUUM ANALYZE message_terms, search_progress")
    finally:
        await connection.close()
