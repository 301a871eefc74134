"""The indexer: gives messages their postings, behind the back of ingest. It runs on each worker's loop.

The fleet role sees which tenants have something new (their keys in `dedupe_keys` are new) and hands each to one worker at
a time; texts are read and terms written in the tenant's own scope. A search never waits for it: see `search`.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from konstruct.conversations import search_repository as repository
from konstruct.conversations.search_terms import terms_of
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record, TenantSession

log = structlog.get_logger()

EVERY_S = 5.0
BATCH = 300
"""Messages of one transaction."""
TENANTS = 20
"""Tenants that a worker looks at in one go."""
AGAIN_S = 60.0
"""What was asked is being answered: a tenant with news is looked at again so soon."""
IDLE = timedelta(hours=1)
"""Every tenant is looked at so often, whatever was noticed: answers and people's replies leave no key behind."""

_NOTICE = """
INSERT INTO search_progress AS s (tenant_id)
SELECT DISTINCT k.tenant_id FROM dedupe_keys k WHERE k.seen_at > now() - make_interval(secs => $1)
ON CONFLICT (tenant_id) DO UPDATE SET due_at = now() WHERE s.due_at > now() + interval '1 second'
"""
_ENTER = "INSERT INTO search_progress (tenant_id) SELECT d.tenant_id FROM tenant_directory d ON CONFLICT DO NOTHING"
_CLAIM = """
WITH due AS (
  SELECT tenant_id FROM search_progress WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
)
UPDATE search_progress s SET due_at = now() + $2::interval FROM due d WHERE s.tenant_id = d.tenant_id RETURNING s.tenant_id
"""


async def index_on(db: Database) -> None:
    """Index until cancelled; an outage of the database is waited out."""
    entered = False
    while True:
        try:
            if not entered:
                # Tenants from before the index was; those that come later are noticed by what they are sent.
                await db.fleet_fetch("enter tenants into the search index", _ENTER)
                entered = True
            await notice(db)
            while await index_due(db) == TENANTS:
                pass
        except Exception as error:
            log.warning("indexing_failed", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)


async def notice(db: Database, seconds: float = 3 * EVERY_S) -> None:
    """Make the tenants due that were sent something within the last `seconds`."""
    await db.fleet_fetch("notice what to index", _NOTICE, seconds)


async def index_due(db: Database) -> int:
    """Give the messages of up to TENANTS due tenants their postings; return how many tenants were due."""
    rows = await db.fleet_fetch("claim what to index", _CLAIM, TENANTS, IDLE)
    for row in rows:
        while await db.run(TenantScope(row["tenant_id"]), index_batch) == BATCH:
            pass
    return len(rows)


async def index_batch(session: TenantSession) -> int:
    """Index up to BATCH messages of the session's tenant; return how many. 0 as well if another worker is at it."""
    indexed_to = await repository.lock_progress(session)
    if indexed_to is None:
        return 0
    messages = await repository.unindexed(session, repository.unindexed_from(indexed_to), BATCH)
    if messages:
        # Off the loop: the turns of this process go on meanwhile.
        postings = await asyncio.to_thread(_postings, messages)
        await repository.add_postings(session, postings, messages[-1]["id"], AGAIN_S)
    return len(messages)


def _postings(messages: list[Record]) -> list[tuple[str, UUID]]:
    """Return (term, message) of all `messages`, in the index's order."""
    return sorted((term, row["id"]) for row in messages for term in terms_of(row["text"], row["name"]))
