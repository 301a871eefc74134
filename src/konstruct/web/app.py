"""The web application: webhooks, health, metrics and pages over one set of connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from konstruct.agents.mind import LazyMind
from konstruct.channels.channel import Channel, open_adapters
from konstruct.channels.credentials import Credentials
from konstruct.channels.events_intake import EventIntake
from konstruct.channels.ingest import Ingest
from konstruct.channels.registry import CHANNELS
from konstruct.channels.window import windows_of
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.selftest import self_test
from konstruct.jobs.doorbell import Doorbell
from konstruct.kit import log as logs
from konstruct.kit.counters import Counters
from konstruct.kit.errors import KonstructError
from konstruct.kit.mail import Mailer, open_mailer
from konstruct.kit.settings import Settings
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.vault import Vault
from konstruct.web import failures, health, metrics, webhooks
from konstruct.web.api import routes as api
from konstruct.web.api.limits import KeyLimits
from konstruct.web.deps import Deps
from konstruct.web.operator import routes as operator
from konstruct.web.portal import routes as portal
from konstruct.web.portal.entrance.limits import EntranceLimits


class _App(FastAPI):
    """Takes webhooks past its own middleware and routing: they need none of it, and it would halve their rate."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["method"] == "POST" and (webhook := self.state.webhooks.get(scope["path"])):
            scope["app"] = self
            await webhook(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings, *, channels: Sequence[Channel] = CHANNELS) -> FastAPI:
    """Return the application. It connects when it starts, and refuses to start with wrong roles or an old database.

    Why it refused is in `app.state.start_error`: servers log a failed start, they do not raise it.
    """
    settings.need("database_url", "fleet_database_url", "broker_url", "keyring", "slack_signing_secret")
    app = _App(title="Konstruct", docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan(settings, channels))
    app.state.start_error = None
    app.state.webhooks = webhooks.endpoints(channels)
    app.router.routes.extend(webhooks.routes(channels, app.state.webhooks))
    app.router.routes.extend(_routes())
    app.mount("/static", portal.Assets())
    failures.add_handlers(app)
    if settings.sandbox:
        _mount_sandbox(app, settings)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """The routes that every application has. They hold nothing of one, and reading their signatures takes a while: once a
    process is enough."""
    router = APIRouter()
    for part in (health, metrics, api, portal, operator):
        router.include_router(part.router())
    return tuple(router.routes)


def _lifespan(settings: Settings, channels: Sequence[Channel]):  # type: ignore[no-untyped-def]  # Starlette's own type for it is private
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        logs.watch_loop(asyncio.get_running_loop())
        async with AsyncExitStack() as stack:
            try:
                app.state.deps = await _open_deps(settings, channels, stack, getattr(app.state, "sandbox_mailer", None))
                app.state.entrance_limits = EntranceLimits(app.state.deps.redis)
                app.state.api_limits = KeyLimits(app.state.deps.redis)
            except KonstructError as error:
                app.state.start_error = error
                raise
            yield
        if (sandbox := getattr(app.state, "sandbox", None)) is not None:
            sandbox.close()

    return lifespan


async def _open_deps(settings: Settings, channels: Sequence[Channel], stack: AsyncExitStack, embedded: Mailer | None) -> Deps:
    """Connect everything; `stack` takes it down."""
    db = await Database.open(settings)
    stack.push_async_callback(db.close)
    await self_test(db)
    adapters = open_adapters(channels, settings)
    for adapter in adapters.values():
        stack.push_async_callback(adapter.close)
    redis = Redis.open(settings)
    stack.push_async_callback(redis.close)
    mind = LazyMind(settings, db)
    stack.push_async_callback(mind.close)
    vault = Vault(open_key_provider(settings))
    credentials = Credentials(db, vault, adapters)
    stack.push_async_callback(credentials.close)
    doorbell = Doorbell(settings)
    stack.callback(doorbell.close)
    return Deps(
        settings=settings,
        db=db,
        redis=redis,
        vault=vault,
        credentials=credentials,
        counters=Counters(),
        adapters=adapters,
        ingest=Ingest(db, burst_s=settings.burst_s, ring=doorbell.ring, windows=windows_of(adapters)),
        events=EventIntake(db, ring=doorbell.ring),
        mailer=open_mailer(settings, embedded),
        mind=mind,
    )


def _mount_sandbox(app: FastAPI, settings: Settings) -> None:
    # Only the embedded instance has it: production never loads it.
    from konstruct.local.sandbox.ageing import Ageing
    from konstruct.local.sandbox.app import sandbox_router
    from konstruct.local.sandbox.mail import SandboxMailer
    from konstruct.local.sandbox.meta.application import own_app
    from konstruct.local.sandbox.store import SandboxStore

    settings.need("data_dir")
    assert settings.data_dir and settings.slack_signing_secret
    store = SandboxStore(settings.data_dir / "sandbox.db")
    app.state.sandbox = store
    app.state.sandbox_mailer = SandboxMailer(store)
    # Its events go to this very process, wherever the world may reach it.
    secret = settings.slack_signing_secret.get_secret_value()
    base, whatsapp = f"http://{settings.bind}", own_app(settings)
    ageing = Ageing(lambda: app.state.deps.db, store)
    app.include_router(
        sandbox_router(store, secret, base, public_url=settings.public_url, whatsapp=whatsapp, time_passes=ageing.let_pass)
    )
