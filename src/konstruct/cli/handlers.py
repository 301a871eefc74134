"""What a worker does: the handlers of its lanes, wired from the domains that do not know each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from konstruct.agents.loop import TurnLoop
from konstruct.agents.mind import open_mind
from konstruct.agents.offering import Offering
from konstruct.channels import accounts
from konstruct.channels.channel import Channel, open_adapters, rates_of
from konstruct.channels.credentials import Credentials
from konstruct.channels.delivery import Delivering
from konstruct.channels.desk import Desk
from konstruct.channels.events_handling import EventHandling
from konstruct.channels.limits import SendLimits
from konstruct.channels.media import Media
from konstruct.channels.patience import patience_of
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.registry import CHANNELS
from konstruct.channels.suggesting import Suggestions
from konstruct.channels.surface import Surface
from konstruct.cli.channel_jobs import channel_jobs
from konstruct.cli.event_handlers import event_handlers
from konstruct.conversations.forgetting import Forgetting
from konstruct.conversations.indexing import index_on
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.jobs.tenant_jobs import JobKind
from konstruct.jobs.tenant_runner import TenantJobs, Work
from konstruct.jobs.worker import Parts
from konstruct.kit import log as logs
from konstruct.kit.counters import Counters
from konstruct.kit.mail import Mailer, open_mailer
from konstruct.kit.settings import Settings
from konstruct.memory.reading import reading
from konstruct.tenants.erase import Erasing
from konstruct.tenants.export_jobs import Exports
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.notices_mailing import NoticeMails
from konstruct.tenants.settings_retention import Retention
from konstruct.tenants.vault import Vault

EVENTS_AT_ONCE = 16
"""Channel events that one process handles at a time: each is a call or two of the provider."""


@asynccontextmanager
async def build_handlers(
    settings: Settings, db: Database, counters: Counters, *, channels: Sequence[Channel] = CHANNELS
) -> AsyncIterator[Parts]:
    """Yield what a worker works with, and read uploaded files meanwhile; connections are closed at the end."""
    logs.watch_loop(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        vault = Vault(open_key_provider(settings))
        adapters = open_adapters(channels, settings)
        for adapter in adapters.values():
            stack.push_async_callback(adapter.close)
        credentials = Credentials(db, vault, adapters)
        stack.push_async_callback(credentials.close)
        redis = Redis.open(settings)
        stack.push_async_callback(redis.close)
        mind = await open_mind(settings, db)
        stack.push_async_callback(mind.router.close)
        limits = SendLimits(redis, rates_of(channels, settings))
        surface = Surface(db, adapters, credentials, limits, counters=counters)
        stack.push_async_callback(surface.close)
        turns = TurnLoop(
            db,
            mind.router,
            surface,
            mind.documents,
            Media(db, adapters, credentials),
            deadline_s=settings.turn_deadline_s,
            attempts=settings.turn_attempts,
            counters=counters,
        )
        sends = Delivering(db, adapters, credentials, limits, counters=counters, patience=patience_of(settings))
        await stack.enter_async_context(reading(db))
        indexing = asyncio.create_task(index_on(db))
        stack.callback(indexing.cancel)
        mailer = open_mailer(settings, _sandbox_mailer(settings, stack))
        desk = Desk(db, adapters, credentials, limits)
        jobs = _jobs(settings, db, vault, redis, adapters, credentials, mailer, desk)
        await stack.enter_async_context(TenantJobs(db, jobs).running())
        suggesting = Suggestions(db, adapters, credentials, limits, Offering(db).of)
        handling = EventHandling(db, event_handlers(settings, db, adapters, credentials, limits, desk, suggesting), counters)
        events = TenantJobs(db, {"channel_event": handling}, poll_s=1.0, backoff_s=1.0, at_once=EVENTS_AT_ONCE)
        await stack.enter_async_context(events.running())
        yield Parts({"turn": turns, "send": sends}, events.kick)


def _jobs(
    settings: Settings,
    db: Database,
    vault: Vault,
    redis: Redis,
    adapters: Mapping[str, ChannelAdapter],
    credentials: Credentials,
    mailer: Mailer,
    desk: Desk,
) -> dict[JobKind, Work]:
    """Return who does each kind of work on a tenant."""
    return {
        "notice_mail": NoticeMails(db, mailer, settings.public_url),
        "retention": Retention(db),
        "export": Exports(db),
        "erase": Erasing(db, redis, vault, lambda scope: accounts.revoke_all(db, vault, scope, adapters)),
        "forget_person": Forgetting(db, desk.telling.tell),
        **channel_jobs(db, adapters, credentials),
    }


def _sandbox_mailer(settings: Settings, stack: AsyncExitStack) -> Mailer | None:
    """Return the embedded instance's own mailer, None elsewhere: production never loads it."""
    if not settings.sandbox or settings.data_dir is None:
        return None
    from konstruct.local.sandbox.mail import SandboxMailer
    from konstruct.local.sandbox.store import SandboxStore

    store = SandboxStore.in_folder(settings.data_dir)
    stack.callback(store.close)
    return SandboxMailer(store)
