"""The sandbox as routes: mounted in the embedded instance's web process, or alone as a strict fake of Slack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI

from konstruct.local.sandbox.businesses import add_businesses
from konstruct.local.sandbox.control import control_router
from konstruct.local.sandbox.pages.acting import acting_router
from konstruct.local.sandbox.pages.panel import Panel, panel_router
from konstruct.local.sandbox.pages.routes import pages_router
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
) -> APIRouter:
    """Return the routes under `/sandbox`. Its lifespan sends the events; include it before the application starts.

    Events go to `{webhook_base}/webhooks/slack/events`, signed with `signing_secret`. OAuth leads back to the callback under
    `public_url` (the address that browsers know the app by), or under `webhook_base`. Files are fetched under `own_url`, the
    sandbox's own address: that of the app where they are one process. The store stays the caller's: a
    server that stops calls `store.end_streams()` first, and `store.close()` last.
    """
    sender = EventSender(store, signing_secret, webhook_base, retry_delays_s)
    limiter, faults = Limiter(rates, store.control.monotonic), Faults()
    bases = dict.fromkeys((public_url or webhook_base, webhook_base))
    application = Application(tuple(base.rstrip("/") + REDIRECT_PATH for base in bases))
    slack, elsewhere = Slack(store, limiter, sender, application), Elsewhere()
    store.files.base_url = (own_url or webhook_base).rstrip("/")
    add_businesses(store)
    add_unconnected(store)

    @asynccontextmanager
    async def lifespan(_app: Any) -> AsyncIterator[None]:
        await sender.start()
        try:
            yield
        finally:
            await sender.stop()

    router = APIRouter(lifespan=lifespan)
    router.include_router(slack_api_router(slack, faults))
    router.include_router(files_router(slack, elsewhere))
    router.include_router(authorize_router(store, application))
    router.include_router(responses_router(store, sender))
    router.include_router(control_router(store, sender, faults, limiter))
    router.include_router(panel_router(Panel(store, sender, faults, limiter)))
    router.include_router(acting_router(store, sender))
    router.include_router(pages_router(store, sender))
    return router


def sandbox_app(store: SandboxStore, signing_secret: str, webhook_base: str, **options: Any) -> FastAPI:
    """Return an application that is nothing but the sandbox; `options` are those of sandbox_router."""
    app = FastAPI(title="Konstruct sandbox", openapi_url=None)
    app.include_router(sandbox_router(store, signing_secret, webhook_base, **options))
    return app
