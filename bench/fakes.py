"""A Slack and a model server of our own, each a process: `python -m bench.fakes slack PORT` or `model PORT HOLD_S`.

They answer at once (the model after HOLD_S, its stream open meanwhile), and GET /bench/seen says what they saw.
What they cost is part of what is measured: they do no more than they must.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import uvloop
from aiohttp import web

from bench.servers import Server, free_port, server

SEEN_S = 1.0
_HEADERS = {"Content-Type": "text/event-stream; charset=utf-8"}


def fake_slack(folder: Path) -> AbstractAsyncContextManager[Server]:
    """A Slack: every post is accepted and remembered with its time."""
    port = free_port()
    return server("fake-slack", ["-m", "bench.fakes", "slack", str(port)], {}, folder, port)


def fake_model(folder: Path, hold_s: float) -> AbstractAsyncContextManager[Server]:
    """An OpenAI-compatible server that streams one short answer after `hold_s` seconds."""
    port = free_port()
    return server("fake-model", ["-m", "bench.fakes", "model", str(port), str(hold_s)], {}, folder, port)


class Slack:
    """Answers Slack's methods. What it saw: (thread, seconds since the epoch) of each post."""

    def __init__(self) -> None:
        self._posts: list[tuple[str, float]] = []
        self._clock = 0
        self._more = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/api/{method}", self.handle), web.get("/bench/seen", self.seen)]

    async def handle(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read() or b"{}")
        if request.match_info["method"] != "chat.postMessage":
            return web.json_response({"ok": True})
        self._clock = max(time.time_ns() // 1000, self._clock + 1)
        self._posts.append((str(body["thread_ts"]), self._clock / 1e6))
        self._more.set()
        ts = f"{self._clock // 1_000_000}.{self._clock % 1_000_000:06d}"
        return web.json_response({"ok": True, "channel": body["channel"], "ts": ts, "message": {"ts": ts}})

    async def seen(self, request: web.Request) -> web.Response:
        """Answer with the posts from number `from` on, once there is one or SEEN_S has passed."""
        first = int(request.query.get("from", "0"))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEEN_S):
                while len(self._posts) <= first:
                    self._more.clear()
                    await self._more.wait()
        return web.json_response(self._posts[first:])


class Model:
    """Streams an answer after `hold_s` seconds, which POST /bench/hold?s= changes. What it saw: calls, open, most at once."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._calls = self._open = self._peak = 0

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self.complete),
            web.get("/bench/seen", self.seen),
            web.post("/bench/hold", self.hold),
        ]

    async def hold(self, request: web.Request) -> web.Response:
        self._hold_s = float(request.query["s"])
        return web.Response()

    async def complete(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self._calls += 1
        self._open += 1
        self._peak = max(self._peak, self._open)
        try:
            response = web.StreamResponse(headers=_HEADERS)
            await response.prepare(request)
            await response.write(_chunk({"role": "assistant", "content": ""}))
            if self._hold_s:
                await asyncio.sleep(self._hold_s)
            usage = {"prompt_tokens": 100, "completion_tokens": 2, "total_tokens": 102}
            last = [_chunk({"content": "All right."}), _chunk({}, finish="stop"), _chunk(None, usage=usage), b"data: [DONE]\n\n"]
            await response.write(b"".join(last))
            return response
        finally:
            self._open -= 1

    async def seen(self, _request: web.Request) -> web.Response:
        return web.json_response({"calls": self._calls, "open": self._open, "peak": self._peak})


def _chunk(delta: dict[str, str] | None, finish: str | None = None, **extra: object) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "bench", "choices": choices, **extra}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def _serve(kind: str, port: int, hold_s: float) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    app = web.Application(client_max_size=1 << 22)
    app.add_routes(Slack().routes() if kind == "slack" else Model(hold_s).routes())
    web.run_app(app, host="127.0.0.1", port=port, print=None, loop=uvloop.new_event_loop(), backlog=4096, shutdown_timeout=1)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 0.0)
