"""The hourly poll of each number: one call, what it says kept where it changed, and acted upon."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import structlog

from konstruct.channels.credentials import AccountUnusableError, Credentials, CredentialWaitsError
from konstruct.channels.outreach import tier_changes
from konstruct.channels.port import ChannelAdapter, Failed, Retry, Unknown
from konstruct.channels.port_numbers import NumberSeen, Polling
from konstruct.channels.quality import acting, rating, repository
from konstruct.channels.quality import history_repository as history
from konstruct.channels.quality.acting import Moved
from konstruct.channels.quality.machine import Polled
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.errors import NotFoundError

log = structlog.get_logger()

EVERY_S = 3300.0
"""Between two polls of a number, without its share of SPREAD_S: at least once an hour, with room for a call that fails."""
SPREAD_S = 240
"""Numbers that were connected together do not go on being asked about together."""
CALL_S = 10.0
BACKOFF_S, BACKOFF_MAX_S = 60.0, 900.0


class Polls:
    """The work of the tenant jobs `number_poll`."""

    def __init__(self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> None:
        self._db = db
        self._adapters = adapters
        self._credentials = credentials

    async def __call__(self, job: Job) -> float | None:
        """Ask about the number once; return in how many seconds to ask again, None for a number that is not in use."""
        scope, account_id = job.scope, job.subject_id
        kind = await self._db.run(scope, lambda s: history.kind_of(s, account_id))
        adapter = self._adapters.get(kind or "")
        if not isinstance(adapter, Polling):
            return None
        try:
            credential = await self._credentials.of(scope, account_id, suspended=True)
        except CredentialWaitsError as waits:
            return waits.seconds
        except (AccountUnusableError, NotFoundError):
            # Connecting it again asks for it again.
            return None
        match await adapter.poll(credential, CALL_S):
            case NumberSeen() as seen:
                await self._seen(scope, account_id, seen)
                return EVERY_S + account_id.int % SPREAD_S
            case Failed(reason, account_broken=True):
                if (follows := await self._credentials.refused(credential, reason)) != "other":
                    return 1.0 if follows == "renew" else None
                return await self._failed(scope, account_id, reason, 0.0)
            case Retry(after_s, reason):
                return await self._failed(scope, account_id, reason, after_s)
            case Failed(reason) | Unknown(reason):
                return await self._failed(scope, account_id, reason, 0.0)

    async def _seen(self, scope: TenantScope, account_id: UUID, seen: NumberSeen) -> None:
        async def work(session: TenantSession) -> tuple[bool, list[Moved]]:
            said = rating.of_number(seen)
            moved = await acting.observe(session, [account_id], Polled(said.level, said.cause))
            changed = await history.note(session, account_id, seen)
            # The portfolio's row comes after the standing's, as where something is sent.
            await tier_changes.set_quality(session, account_id, said.level == "open")
            if seen.daily_limit is not None:
                await tier_changes.set_tier(session, account_id, seen.daily_limit, "poll")
            return changed, moved

        changed, moved = await self._db.run(scope, work)
        await acting.follow(self._db, scope, moved)
        log.info("number_polled", account_id=str(account_id), changed=changed)

    async def _failed(self, scope: TenantScope, account_id: UUID, reason: str, after_s: float) -> float:
        async def work(session: TenantSession) -> int:
            await repository.begin(session, [account_id])
            return await history.failed(session, account_id, rating.word_of(reason))

        failures = await self._db.run(scope, work)
        wait_s = max(after_s, min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(failures - 1, 10)))
        log.warning("number_not_polled", account_id=str(account_id), reason=reason, failures=failures, after_s=round(wait_s))
        return wait_s
