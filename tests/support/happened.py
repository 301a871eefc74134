"""What channels brought besides messages, handled by hand: of the house's tenants only, and all that is due of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from konstruct.channels.arriving import Arriving
from konstruct.channels.changing import Changing
from konstruct.channels.events_handling import EventHandling, Handle
from konstruct.channels.people import People
from konstruct.channels.port_events import ChannelEvent, Deleted, Edited, Joined, Looked, Met
from konstruct.db.scope import TenantScope
from konstruct.jobs import tenant_jobs
from tests.support.house import House

MOST = 10_000


class _NoLimits:
    """The pace of a channel is another test's matter."""

    async def take(self, _scope: TenantScope, _account_id: UUID, _method: str) -> float:
        return 0.0

    async def pause(self, _scope: TenantScope, _account_id: UUID, _seconds: float, *, method: str | None = None) -> None:
        return None


def handlers_of(house: House) -> dict[type[ChannelEvent], Handle]:
    """Return the handlers of a house, as its workers have them."""
    changing = Changing(house.db, burst_s=house.settings.burst_s)
    adapters = house.app.state.deps.adapters
    arriving = Arriving(house.db, adapters)
    people = People(house.db, adapters, house.credentials, _NoLimits())
    return {Edited: changing.edited, Deleted: changing.deleted, Joined: arriving.joined, Looked: arriving.looked, Met: people.met}


async def handle(house: House, handlers: Mapping[type[ChannelEvent], Handle] | None = None) -> int:
    """Handle what is due of the house's tenants; return how many events are over. Other tests' events are left to nobody."""
    handling = EventHandling(house.db, handlers_of(house) if handlers is None else handlers, house.counters)
    over = 0
    for job in await tenant_jobs.claim(house.db, "channel_event", MOST):
        if job.scope in house.scopes:
            again_s = await handling(job)
            await tenant_jobs.end(house.db, job, again_s)
            over += again_s is None
    return over
