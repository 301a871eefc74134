"""The tenants' jobs that concern numbers."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.credentials import Credentials
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.quality.breaker import Watching
from konstruct.channels.quality.polls import Polls
from konstruct.db.database import Database
from konstruct.jobs.tenant_jobs import JobKind
from konstruct.jobs.tenant_runner import Work


def number_jobs(db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> dict[JobKind, Work]:
    """Return the work by the kind of its job."""
    return {"number_poll": Polls(db, adapters, credentials), "number_watch": Watching(db)}
