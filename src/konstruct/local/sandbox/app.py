"""The sandbox as routes: mounted in the embedded instance's web process, or alone as a strict fake of Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from konstruct.local.sandbox.businesses import add_businesses
from konstruct.local.sandbox.control import control_router
from konstruct.local.sandbox.meta.application import UNKNOWN_APP, MetaApplication
from konstruct.local.sandbox.meta.graph import graph_router
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.pace import Pace
from konstruct.local.sandbox.meta.post import MetaPost
from konstruct.local.sandbox.meta.samples import add_meta
from konstruct.local.sandbox.meta.signup import signup_router
from konstruct.local.sandbox.meta.wire import META, META_DELAYS_S, MetaWire
from konstruct.local.sandbox.pages.acting import acting_router
from konstruct.local.sandbox.pages.meta_panel import meta_panel_router
from konstruct.local.sandbox.pages.panel import Panel, panel_router
from konstruct.local.sandbox.pages.phone_acts import phone_acts_router
from konstruct.local.sandbox.pages.phone_pages import phone_router
from konstruct.local.sandbox.pages.routes import pages_router
from konstruct.local.sandbox.pages.sharing import sharing_router
from konstruct.local.sandbox.sender import RETRY_DELAYS_S, EventSender
from konstruct.local.sandbox.slack.api import slack_api_router
from konstruct.local.sandbox.slack.application import REDIRECT_PATH, Application
from konstruct.local.sandbox.slack.authorize import authorize_router
from konstruct.local.sandbox.slack.call import Slack
from konstruct.local.sandbox.slack.faults import Faults
from konstruct.local.sandbox.slack.file_routes import Elsewhere, files_router
from konstruct.local.sandbox.slack.limits import SLACK_RATES, Limiter, Rate
from konstruct.local.sandbox.slack.responses import responses_router
from konstruct.local.sandbox.store import SandboxStore
from konstruct.local.sandbox.switches import TimePasses, only_here
from konstruct.local.sandbox.unconnected import add_unconnected


def sandbox_router(
    store: SandboxStore,
    signing_secret: str,
    webhook_base: str,
    *,
    retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
    rates: Mapping[str, Rate] = SLACK_RATES,
    public_url: str | None = None,
    own_url: str | None = None,
    whatsapp: MetaApplication = UNKNOWN_APP,
    meta_delays_s: tuple[float, ...] = META_DELAYS_S,
    time_passes: TimePasses = only_here,
) -> APIRouter:
    """Return the routes under `/sandbox`. Its lifespan sends the events; include it before the application starts.

    Events go to `{webhook_base}/webhooks/slack/events`, signed with `signing_secret`. OAuth leads back to the callback under
    `public_url` (the address that browsers know the app by), or under `webhook_base`. Files are fetched under `own_url`, the
    sandbox's own address: that of the app where they are one process. WhatsApp's go to `{webhook_base}/webhooks/whatsapp`,
    signed with the secret of `whatsapp`. `time_passes` is called with the seconds by which the clock is moved.
    The store stays the caller's: a server that stops calls `store.end_streams()` first, and `store.close()` last.
    """
    wires = {META: MetaWire(whatsapp.secret, meta_delays_s)}
    sender = EventSender(store, signing_secret, webhook_base, retry_delays_s, wires)
    limiter, faults = Limiter(rates, store.control.monotonic), Faults()
    bases = dict.fromkeys((public_url or webhook_base, webhook_base))
    application = Application(tuple(base.rstrip("/") + REDIRECT_PATH for base in bases))
    slack = Slack(store, limiter, sender, application)
    store.files.base_url = store.meta.media.base_url = (own_url or webhook_base).rstrip("/")
    add_businesses(store)
    add_unconnected(store)
    add_meta(store)
    meta = Meta(store, whatsapp, MetaPost(store, sender), Pace(store.control.monotonic), faults)

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        await sender.start()
        try:
            yield
        finally:
            await sender.stop()

    router = APIRouter(lifespan=lifespan)
    for part in (*_slack(slack, faults, Elsewhere()), *_pages(meta, sender, limiter, time_passes)):
        router.include_router(part)
    return router


def _slack(slack: Slack, faults: Faults, elsewhere: Elsewhere) -> tuple[APIRouter, ...]:
    return (
        slack_api_router(slack, faults),
        files_router(slack, elsewhere),
        authorize_router(slack.store, slack.app),
        responses_router(slack.store, slack.sender),
    )


def _pages(meta: Meta, sender: EventSender, limiter: Limiter, time_passes: TimePasses) -> tuple[APIRouter, ...]:
    store = meta.sandbox
    return (
        # Before the pages of Meta's: an address of a version's may be anything.
        signup_router(meta),
        graph_router(meta),
        meta_panel_router(meta, time_passes),
        phone_router(meta),
        phone_acts_router(meta),
        control_router(store, sender, meta.faults, limiter, time_passes),
        panel_router(Panel(store, sender, meta.faults, limiter, time_passes)),
        acting_router(store, sender),
        sharing_router(store, sender),
        pages_router(store, sender, meta),
    )


def sandbox_app(store: SandboxStore, signing_secret: str, webhook_base: str, **options: Any) -> FastAPI:
    """Return an application that is nothing but the sandbox; `options` are those of sandbox_router."""
    app = FastAPI(title="Konstruct sandbox", openapi_url=None)
    app.include_router(sandbox_router(store, signing_secret, webhook_base, **options))
    return app
