"""When a number is asked about: at once when it is connected, hourly from then on."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels.quality import repository
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs

WATCH_S = 60.0
"""From what may have gone wrong until what was sent is looked at: one look for all of it."""


async def plan(session: TenantSession, account_id: UUID) -> None:
    """Let a number that was connected stand somewhere, and be asked about at once."""
    await repository.begin(session, [account_id])
    await tenant_jobs.ask(session, session.scope, "number_poll", account_id)


async def watch(session: TenantSession, account_id: UUID) -> None:
    """Let what was sent from the account be looked at in a minute, unless that is planned already."""
    await tenant_jobs.ask_first(session, session.scope, "number_watch", account_id, wait_s=WATCH_S)
