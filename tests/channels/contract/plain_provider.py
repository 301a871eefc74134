"""Pigeon, an invented provider on loopback: plain texts of 500 bytes, no threads, no edits, no history, and a reply window.

As strict as a real one: it refuses what it does not know, and counts every send into a closed window as a violation.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from konstruct.channels.port import Credential
from tests.support.fake_slack import answers, hangs, resets

TEXT_BYTES = 500
CHOICES = 3
SECRET = b"pigeon-signing-secret"
Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]
FAULTS: dict[str, tuple[bool, Fault]] = {
    "rate limit": (False, answers(429, '{"code":"slow_down"}', Retry_After="7")),
    "refused for good": (False, answers(404, '{"code":"unknown_recipient"}')),
    "refused words": (False, answers(422, '{"code":"too_long"}')),
    "error 500, not shown": (False, answers(500, "oops", "text/html")),
    "error 500, shown": (True, answers(500, "oops", "text/html")),
    "page of HTML": (True, answers(200, "<html>", "text/html")),
    "garbage": (True, answers(200, b"\xff{{{", "application/json")),
    "a list": (True, answers(200, "[1]")),
    "empty body": (True, answers(200, "")),
    "hangs, shown": (True, hangs),
    "reset, not shown": (False, resets),
    "reset, shown": (True, resets),
    "redirect": (False, answers(307, "", "text/html", Location="/")),
    "dead token": (False, answers(401, '{"code":"bad_token"}')),
}


@dataclass
class Pigeon:
    """`accounts`: token by account. `heard`: when each (account, person) wrote last, Unix seconds."""

    accounts: dict[str, str]
    people: dict[str, set[str]]
    window_s: float = 3600.0
    heard: dict[tuple[str, str], float] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    violations: int = 0
    url: str = ""
    _trouble: tuple[bool, Fault] | None = None
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post("/v1/{account}/messages", self._post)
        app.router.add_get("/v1/{account}", self._show)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]

    async def down(self) -> None:
        """Be gone."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def speak(self, account: str, person: str, text: str, number: str = "1", at: float | None = None) -> bytes:
        """Return the body that tells of a person's message; the window is open from then on."""
        at = time.time() if at is None else at
        self.heard[account, person] = max(at, self.heard.get((account, person), 0.0))
        item = {"type": "text", "id": f"in-{number}", "from": person, "name": "Ann", "text": text, "at": int(at)}
        return self.body(account, item)

    @staticmethod
    def body(account: str, *items: dict[str, Any]) -> bytes:
        """Return a delivery of the provider."""
        return json.dumps({"account": account, "items": list(items)}).encode()

    @staticmethod
    def sign(body: bytes, _now: float = 0.0) -> dict[str, str]:
        """Return the headers of a delivery."""
        return {"x-pigeon-signature": hmac.new(SECRET, body, hashlib.sha256).hexdigest()}

    def fault(self, name: str) -> None:
        """Fail in this way from now on."""
        self._trouble = FAULTS[name]

    def mend(self) -> None:
        """Fail no more."""
        self._trouble = None

    def shown(self) -> int:
        """How many messages are visible."""
        return len(self.messages)

    def asked(self) -> int:
        """How many requests arrived."""
        return self.requests

    def signs(self) -> int:
        """There is no sign of work."""
        return 0

    def seen(self, credential: Credential) -> Sequence[str]:
        """The texts of an account's messages."""
        return [each["text"] for each in self._of(credential)]

    def trace(self, credential: Credential) -> Sequence[UUID]:
        """The references that came along."""
        return [UUID(each["ref"]) for each in self._of(credential)]

    def buttons(self, credential: Credential) -> Sequence[Sequence[str]]:
        """The labels of each message's choices."""
        return [[choice["label"] for choice in each.get("choices", ())] for each in self._of(credential)]

    def lists(self, _credential: Credential) -> Sequence[Sequence[str]]:
        """There are none."""
        return []

    def files(self, _credential: Credential) -> Sequence[bytes]:
        """There are none."""
        return []

    def _of(self, credential: Credential) -> list[dict[str, Any]]:
        return [each for each in self.messages if each["account"] == credential.account_key]

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        content = await request.read()
        if self._trouble is not None:
            carried_out, answer = self._trouble
            if carried_out:
                self._take(request, json.loads(content))
            return await answer(request)
        return self._take(request, json.loads(content))

    async def _show(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self._trouble is not None:
            return await self._trouble[1](request)
        account = next((name for name, token in self.accounts.items() if token == request.headers.get("X-Pigeon-Token")), None)
        return _no(401, "bad_token") if account is None else web.json_response({"account": account})

    def _take(self, request: web.Request, message: dict[str, Any]) -> web.Response:
        account = request.match_info["account"]
        if self.accounts.get(account) != request.headers.get("X-Pigeon-Token"):
            return _no(401, "bad_token")
        if not {"to", "text", "ref"} <= set(message) <= {"to", "text", "ref", "choices"} or not message["text"]:
            return _no(400, "bad_request")
        if message["to"] not in self.people.get(account, set()):
            return _no(404, "unknown_recipient")
        if len(message["text"].encode()) > TEXT_BYTES or len(message.get("choices", ())) > CHOICES:
            return _no(422, "too_long")
        if time.time() - self.heard.get((account, message["to"]), 0.0) > self.window_s:
            self.violations += 1
            return _no(403, "window_closed")
        self.messages.append({"account": account, **message})
        return web.json_response({"id": f"pg-{len(self.messages)}"})


def _no(status: int, code: str) -> web.Response:
    return web.json_response({"code": code}, status=status)
