"""Handles what a channel brought besides messages: each event once, by the handler of its type, as a tenant's job."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from konstruct.channels import events_repository
from konstruct.channels.events_repository import Waiting
from konstruct.channels.port_events import ChannelEvent, restored
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.counters import Counters

log = structlog.get_logger()

ATTEMPTS = 6
"""With pauses that double from a second, about half a minute: what cannot be done by then helps nobody."""


@dataclass(frozen=True, slots=True)
class Received:
    """An event as its handler gets it."""

    scope: TenantScope
    account_id: UUID
    event: Any
    """Of the type that the handler is registered for."""
    attempt: int
    """1 at the first try. A handler may have been stopped anywhere before: what it does must bear being done again."""
    age_s: float


Handle = Callable[[Received], Awaitable[None]]
"""Does what an event asks for, in transactions of its own. What it raises is tried again, `ATTEMPTS` times in all."""


class NotYet(Exception):  # noqa: N818  # control flow of one event, not an error
    """A handler raises it to be called again in `seconds`, as often as it likes: nothing has gone wrong."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


class EventHandling:
    """The work of the tenant jobs `channel_event`."""

    def __init__(self, db: Database, handlers: Mapping[type[ChannelEvent], Handle], counters: Counters) -> None:
        self._db = db
        self._handlers = handlers
        self._counters = counters

    async def __call__(self, job: Job) -> float | None:
        """Handle the event of `job`; raises what its handler raised, as long as it is to be tried again."""
        waiting = await self._db.run(job.scope, lambda s: events_repository.find(s, job.subject_id))
        if waiting is not None:
            try:
                outcome = await self._handle(job, waiting)
            except NotYet as not_yet:
                return not_yet.seconds
            await self._db.run(job.scope, lambda s: events_repository.delete(s, job.subject_id))
            self._counters.inc("channel_events_total", kind=waiting.kind, outcome=outcome)
        return None

    async def _handle(self, job: Job, waiting: Waiting) -> str:
        try:
            event = restored(waiting.kind, _as_called(waiting))
        except ValueError:
            log.error("channel_event_unreadable", event_kind=waiting.kind, event_id=str(job.subject_id))
            return "unreadable"
        handler = self._handlers.get(type(event))
        if handler is None:
            return "ignored"
        try:
            await handler(Received(job.scope, waiting.account_id, event, job.attempts, waiting.age_s))
        except NotYet:
            raise
        except Exception:
            if job.attempts < ATTEMPTS:
                raise
            log.exception("channel_event_given_up", event_kind=waiting.kind, event_id=str(job.subject_id))
            return "given_up"
        return "handled"


def _as_called(waiting: Waiting) -> dict[str, Any]:
    """Return the event's fields with the people in them called as they are now: handlers know one name of each."""
    names = {name: waiting.content.get(name) for name in ("person_id", "channel_id")}
    return {**waiting.content, **{name: waiting.called[value] for name, value in names.items() if value in waiting.called}}
