"""A sandbox on a real port, and the app it talks to."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import uvicorn
from aiohttp import web
from playwright.async_api import Browser, async_playwright

from konstruct.local.sandbox.app import sandbox_app
from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW, Business
from konstruct.local.sandbox.store import SandboxStore

CHROMIUM = "/usr/bin/chromium"
CHROMIUM_ARGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
SECRET = "a-signing-secret"
ANNA, TOM = FERNWOOD.people[0].user_id, FERNWOOD.people[1].user_id
ANNA_DIRECT = "D" + ANNA[1:]
FRONT_DESK = FERNWOOD.channel.channel_id
MARLOW_DESK = MARLOW.channel.channel_id


@dataclass
class Heard:
    """One request that the webhook got."""

    headers: dict[str, str]
    body: bytes

    @property
    def envelope(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = self.envelope["event"]
        return event

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True))

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.form["payload"])
        return found


@dataclass
class Listener:
    """An app's webhooks. `answers` holds the status codes of the next events, then it is always 200.

    Interactions and commands are `pressed`; `replies` holds the bodies of the next answers to them (a number: the status).
    """

    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    answer_headers: dict[str, str] = field(default_factory=dict)
    pressed: list[Heard] = field(default_factory=list)
    replies: list[Any] = field(default_factory=list)
    meta: list[Heard] = field(default_factory=list)
    """What came to WhatsApp's webhook; `meta_answers` are the statuses of the next ones."""
    meta_answers: list[int] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.heard.append(Heard({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.answers.pop(0) if self.answers else 200, headers=self.answer_headers)

    async def take(self, request: web.Request) -> web.Response:
        self.pressed.append(Heard({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        reply = self.replies.pop(0) if self.replies else ""
        if isinstance(reply, int):
            return web.Response(status=reply)
        return web.Response(text=reply) if isinstance(reply, str) else web.json_response(reply)

    async def hear_meta(self, request: web.Request) -> web.Response:
        self.meta.append(Heard({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        return web.Response(status=self.meta_answers.pop(0) if self.meta_answers else 200)

    async def wait(self, count: int) -> list[Heard]:
        await until(lambda: len(self.heard) >= count)
        return self.heard


@asynccontextmanager
async def open_listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/webhooks/slack/events", listener.handle)
    app.router.add_post("/webhooks/slack/interactivity", listener.take)
    app.router.add_post("/webhooks/slack/commands", listener.take)
    app.router.add_post("/webhooks/whatsapp", listener.hear_meta)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = _listening_socket()
    await web.SockSite(runner, listening).start()
    listener.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield listener
    finally:
        await runner.cleanup()


@dataclass
class Sandbox:
    """What a test talks to."""

    url: str
    store: SandboxStore
    http: aiohttp.ClientSession = field(repr=False)

    async def api(self, method: str, business: Business = FERNWOOD, token: str | None = None, **values: Any) -> dict[str, Any]:
        """Call a method with JSON (the two that Slack reads from the address only: as a form); return the answer's body."""
        headers = {"Authorization": f"Bearer {business.workspace.bot_token if token is None else token}"}
        as_form = method.startswith(("conversations.", "users."))
        sent: dict[str, Any] = {"data": values} if as_form else {"json": values}
        async with self.http.post(f"{self.url}/sandbox/slack/api/{method}", headers=headers, **sent) as response:
            body: dict[str, Any] = await response.json()
            return {**body, "http": response.status, "retry_after": response.headers.get("Retry-After")}

    async def act(self, path: str, user: str = ANNA, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Send one of a page's forms as a person of Fernwood; return status and answer."""
        form = {"team": FERNWOOD.workspace.team_id, "user": user, **fields}
        async with self.http.post(f"{self.url}/sandbox{path}", data=form) as response:
            return response.status, await response.json()

    async def say(self, text: str, channel: str = FRONT_DESK, user: str = ANNA, thread_ts: str | None = None) -> str:
        """Say something as a person of Fernwood; return its ts."""
        words = {"team": FERNWOOD.workspace.team_id, "user": user, "channel": channel, "text": text, "thread_ts": thread_ts}
        async with self.http.post(f"{self.url}/sandbox/messages", json=words) as response:
            assert response.status == 201, await response.text()
            return str((await response.json())["ts"])


@asynccontextmanager
async def open_sandbox(path: Path, webhook_base: str, **options: Any) -> AsyncIterator[Sandbox]:
    """Serve a sandbox in this loop until the block ends."""
    store = SandboxStore(path)
    listening = _listening_socket()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    app = sandbox_app(store, SECRET, webhook_base, own_url=url, **options)
    config = uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve([listening]))
    try:
        await until(lambda: server.started)
        async with aiohttp.ClientSession() as http:
            yield Sandbox(url, store, http)
    finally:
        store.end_streams()
        server.should_exit = True
        await serving
        store.close()


async def until(check: Callable[[], bool], patience_s: float = 10.0) -> None:
    """Wait until `check` holds."""
    async with asyncio.timeout(patience_s):
        while not check():
            await asyncio.sleep(0.01)


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Headless Chromium, without any traffic of its own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGS)
        try:
            yield browser
        finally:
            await browser.close()


def _listening_socket() -> socket.socket:
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    return listening
