"""What a channel brings besides messages is committed before it is acknowledged, as messages are; a worker handles it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from konstruct.channels import events_repository, routes_repository
from konstruct.channels.port_events import BODILESS, ChannelEvent, stored
from konstruct.channels.routes_repository import Route
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.kit.ids import uuid7


class EventIntake:
    """Routes events to their tenants and stores them. Keeps nothing between calls."""

    def __init__(self, db: Database, *, ring: Callable[[], None]) -> None:
        """`ring` wakes the workers; it must return at once and never raise."""
        self._db = db
        self._ring = ring

    async def accept(self, kind: str, events: Sequence[ChannelEvent], body: bytes) -> list[str]:
        """Return what became of each event once all are committed: "stored", "duplicate", or why it has no tenant.

        Raises what the database raises; the provider then delivers again.
        """
        routes = await routes_repository.find_routes(self._db, kind, {event.account_key for event in events})
        results = [await self._accept_one(event, routes.get(event.account_key), body) for event in events]
        letters = [
            (event.account_key, event.app_id, result)
            for event, result in zip(events, results, strict=True)
            if result not in ("stored", "duplicate")
        ]
        if letters:
            await routes_repository.bury_unrouted(self._db, kind, letters)
        if "stored" in results:
            self._ring()
        return results

    async def _accept_one(self, event: ChannelEvent, route: Route | None, body: bytes) -> str:
        if route is None:
            return "unknown_account"
        refusal = route.refusal(event.app_id)
        if refusal is not None:
            return refusal

        async def work(session: TenantSession) -> str:
            event_id = uuid7()
            kept = None if type(event) in BODILESS else body
            if not await events_repository.store(session, event_id, route.account_id, event.event_key, kept):
                return "duplicate"
            await events_repository.insert(session, event_id, route.account_id, *stored(event))
            await tenant_jobs.ask(session, route.scope, "channel_event", event_id)
            return "stored"

        return await self._db.run(route.scope, work)
