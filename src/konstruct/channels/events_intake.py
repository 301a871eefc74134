"""What a channel brings besides messages is committed before it is acknowledged, as messages are; a worker handles it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from konstruct.channels import events_repository, routes_repository
from konstruct.channels.business_routes import BusinessRoutes
from konstruct.channels.events_repository import Coming
from konstruct.channels.port_events import BODILESS, ChannelEvent, is_of_business, stored
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.kit.ids import uuid7

AT_ONCE = 200
"""Events of one business that are stored in one transaction."""


@dataclass(frozen=True, slots=True)
class _Placed:
    """An event whose business and account are known."""

    scope: TenantScope
    account_id: UUID
    event: ChannelEvent = field(repr=False)


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
        results = await self._place(kind, events)
        by_tenant: dict[TenantScope, dict[str, list[int]]] = {}
        for at, place in enumerate(results):
            if isinstance(place, _Placed):
                # A body may say one thing twice.
                by_tenant.setdefault(place.scope, {}).setdefault(place.event.event_key, []).append(at)
        outcomes = ["duplicate" if isinstance(place, _Placed) else place for place in results]
        for scope, by_key in by_tenant.items():
            first = [at for at, *_ in by_key.values()]
            for start in range(0, len(first), AT_ONCE):
                some = {at: placed for at in first[start : start + AT_ONCE] if isinstance(placed := results[at], _Placed)}
                for at in await self._store(scope, some, body):
                    outcomes[at] = "stored"
        letters = [
            (event.account_key, event.app_id, why) for event, why in zip(events, results, strict=True) if isinstance(why, str)
        ]
        if letters:
            await routes_repository.bury_unrouted(self._db, kind, letters)
        if "stored" in outcomes:
            self._ring()
        return outcomes

    async def _store(self, scope: TenantScope, placed: Mapping[int, _Placed], body: bytes) -> list[int]:
        """Store some events of one business, by their places; return the places of those that are new."""
        coming = {at: _coming(each, body) for at, each in placed.items()}

        async def work(session: TenantSession) -> set[UUID]:
            fresh = await events_repository.store(session, list(coming.values()))
            await tenant_jobs.ask_all(session, scope, "channel_event", sorted(fresh))
            return fresh

        fresh = await self._db.run(scope, work)
        return [at for at, each in coming.items() if each.id in fresh]

    async def _place(self, kind: str, events: Sequence[ChannelEvent]) -> list[_Placed | str]:
        """Return where each event belongs, or why it has no tenant."""
        whole = {event.account_key for event in events if is_of_business(event)}
        single = {event.account_key for event in events if not is_of_business(event)}
        routes = await routes_repository.find_routes(self._db, kind, single) if single else {}
        businesses = await BusinessRoutes.find(self._db, kind, whole) if whole else None
        found: list[_Placed | str] = []
        for event in events:
            if businesses is not None and is_of_business(event):
                place = businesses.place(event.account_key, getattr(event, "phone_number", None))
                found.append(place if isinstance(place, str) else _Placed(place.scope, place.account_id, event))
                continue
            route = routes.get(event.account_key)
            refusal = route.refusal(event.app_id) if route else "unknown_account"
            found.append(
                _Placed(route.scope, route.account_id, event) if route and refusal is None else refusal or "unknown_account"
            )
        return found


def _coming(placed: _Placed, body: bytes) -> Coming:
    event = placed.event
    # What came with others is kept without them.
    kept = None if type(event) in BODILESS else body if event.piece is None else event.piece
    return Coming(uuid7(), placed.account_id, event.event_key, kept, *stored(event))
