"""What the web process works with; made once at start, held by `app.state.deps`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import Request

from konstruct.agents.mind import LazyMind
from konstruct.channels.credentials import Credentials
from konstruct.channels.events_intake import EventIntake
from konstruct.channels.ingest import Ingest
from konstruct.channels.port import ChannelAdapter
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.kit.counters import Counters
from konstruct.kit.mail import Mailer
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault


@dataclass(frozen=True, slots=True)
class Deps:
    """Connections and services. None of it belongs to a tenant or a request."""

    settings: Settings
    db: Database
    redis: Redis
    vault: Vault
    credentials: Credentials
    counters: Counters
    adapters: Mapping[str, ChannelAdapter]
    ingest: Ingest
    events: EventIntake
    mailer: Mailer
    mind: LazyMind


def deps_of(request: Request) -> Deps:
    """Return the parts of the process that serves `request`."""
    deps: Deps = request.app.state.deps
    return deps
