"""What a worker does with what a channel brings besides messages: a handler for each type of event."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.arriving import Arriving
from konstruct.channels.changing import Changing
from konstruct.channels.charges import Charges
from konstruct.channels.credentials import Credentials
from konstruct.channels.desk import Desk
from konstruct.channels.events_handling import Handle, Received
from konstruct.channels.limits import SendLimits
from konstruct.channels.opting import Opting, Preferences
from konstruct.channels.outreach.tier_changes import Capacity
from konstruct.channels.people import People
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_events import (
    AccountChanged,
    Called,
    CapacityChanged,
    ChannelEvent,
    Deleted,
    Edited,
    Joined,
    Looked,
    Met,
    Opened,
    Opted,
    PreferenceChanged,
    Pressed,
    Readdressed,
    Receipt,
    Revoked,
    TemplateChanged,
)
from konstruct.channels.quality.breaker import BreakerEvents
from konstruct.channels.readdressing import Hearing, Readdressing
from konstruct.channels.receipts import Receipts
from konstruct.channels.revocations import Revocations
from konstruct.channels.standing import Standing
from konstruct.channels.suggesting import OpenedPlaces, Suggestions
from konstruct.channels.surface import renderer
from konstruct.channels.templates.changes import TemplateChanges
from konstruct.db.database import Database
from konstruct.kit.settings import Settings


def event_handlers(
    settings: Settings,
    db: Database,
    adapters: Mapping[str, ChannelAdapter],
    credentials: Credentials,
    limits: SendLimits,
    desk: Desk,
    suggesting: Suggestions,
) -> dict[type[ChannelEvent], Handle]:
    """Return the handlers. What is missing here is acknowledged, stored, and nothing more."""
    changing, arriving = Changing(db, burst_s=settings.burst_s), Arriving(db, adapters)
    hearing, desk_handlers = Hearing(db, adapters), desk.handlers()
    breaker = BreakerEvents(db)
    return {
        Edited: changing.edited,
        Deleted: changing.deleted,
        Joined: arriving.joined,
        Looked: arriving.looked,
        Met: People(db, adapters, credentials, limits).met,
        Opened: OpenedPlaces({"messages": suggesting, "home": desk.home.opened}),
        Receipt: in_turn(Receipts(db, adapters), Charges(db)),
        TemplateChanged: in_turn(TemplateChanges(db), breaker.template),
        AccountChanged: Standing(db),
        CapacityChanged: Capacity(db),
        Revoked: Revocations(db),
        Opted: Opting(db, renderer(adapters)).opted,
        PreferenceChanged: in_turn(Preferences(db).changed, breaker.preference),
        Readdressed: Readdressing(db),
        Called: hearing.called,
        **desk_handlers,
        Pressed: in_turn(hearing.pressed, desk_handlers[Pressed]),
    }


def in_turn(*handles: Handle) -> Handle:
    """Return a handler that calls each of `handles`. If one fails, all are called again: each bears that."""

    async def handle(received: Received) -> None:
        for each in handles:
            await each(received)

    return handle
