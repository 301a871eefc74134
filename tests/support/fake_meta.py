"""A Graph API of our own on loopback: as strict as Meta's about tokens, parameters, lengths, windows and rates; it can break.

What it can do comes in groups, each in a file of its own (`fake_meta_*.py`): a group is a function that answers a `Call`, or
returns None for what is not its own. Add yours to `GROUPS`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support import (
    fake_meta_dialog,
    fake_meta_media,
    fake_meta_messages,
    fake_meta_numbers,
    fake_meta_signup,
    fake_meta_templates,
)
from tests.support.fake_meta_errors import GraphRefusal, Reply, bad_token, gone, refuse
from tests.support.fake_slack import Fault

VERSION = "v25.0"
_VERSION = re.compile(r"v\d{1,2}\.\d")


@dataclass
class Number:
    """A business's phone number, and whose token may use it."""

    phone_id: str
    waba_id: str
    digits: str
    token: str
    name: str = "Shop"
    fields: dict[str, Any] = field(default_factory=dict)
    """What `GET /{phone}?fields=` says besides the usual."""


@dataclass
class Person:
    """Somebody with WhatsApp. `user_id`: the business-scoped id, where Meta gives one."""

    digits: str
    user_id: str | None = None
    name: str = "Ann"


@dataclass(frozen=True)
class Call:
    """One request. `path` leaves out the version."""

    verb: str
    path: tuple[str, ...]
    query: dict[str, str]
    token: str
    body: dict[str, Any] = field(default_factory=dict)
    """Of JSON."""
    form: dict[str, Any] = field(default_factory=dict)
    """Of a form: text, or aiohttp's FileField."""
    files: dict[str, tuple[str, str, bytes]] = field(default_factory=dict)
    """(name, type, content) of each file of a form."""


@dataclass
class FakeMeta:
    """`requests` holds (verb, path, token) of every request that arrived; `messages` what became visible, in order: the body that
    was posted, with `id` (the wamid), `phone_id` and `person` (digits) besides."""

    numbers: list[Number] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    now: Callable[[], float] = time.time
    pair_burst: int = 45
    """Messages to one person at once; each takes 6 seconds of what may follow (Meta, "pair rate limits")."""
    per_second: int = 80
    heard: dict[tuple[str, str], float] = field(default_factory=dict)
    """When each (phone_id, digits) wrote last: opens the window."""
    heard_ids: dict[str, tuple[str, str]] = field(default_factory=dict)
    """wamid of each message heard: (phone_id, digits)."""
    templates: dict[tuple[str, str, str], dict[str, Any]] = field(default_factory=dict)
    """(waba_id, name, language): {"status", "header", "body", "buttons": numbers of parameters, ...}."""
    fault: Fault | None = None
    """Answers instead of the method, after `accept` decided whether it is carried out."""
    accept: bool = True
    fault_in: str | None = None
    """The last word of the paths that `fault` concerns (messages, media, ...; read: what marks one as read); None: all."""
    fault_at: str | None = None
    """The one number that `fault` concerns, by its id; None: all of them."""
    fault_times: int = -1
    """How many more times `fault` answers; below 0: always."""
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    signs: list[dict[str, Any]] = field(default_factory=list)
    """Read receipts, with or without the sign of typing."""
    violations: list[str] = field(default_factory=list)
    """What Meta might punish: sends into closed windows, past a rate, to nobody."""
    media: fake_meta_media.MediaStore = field(default_factory=fake_meta_media.MediaStore)
    signup: fake_meta_signup.SignupBooth = field(default_factory=fake_meta_signup.SignupBooth)
    url: str = ""
    """With the version and a slash at its end."""
    origin: str = ""
    _runner: web.AppRunner | None = None
    _count: int = 0

    async def start(self) -> None:
        """Listen."""
        app = web.Application(client_max_size=1 << 25)
        app.router.add_get("/files/{name}", self._download)
        app.router.add_routes(fake_meta_dialog.routes(self))
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.origin = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
        self.url = f"{self.origin}/{VERSION}/"

    async def stop(self) -> None:
        """Be gone: nobody listens any more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def number(self, phone_id: str) -> Number | None:
        """Return the number of this id."""
        return next((each for each in self.numbers if each.phone_id == phone_id), None)

    def person(self, name: str | None) -> Person | None:
        """Return who is called by these digits or this business-scoped id."""
        return next((each for each in self.people if name and name in (each.digits, each.user_id)), None)

    def hear(self, phone_id: str, digits: str, wamid: str | None = None, at: float | None = None) -> str:
        """A person wrote to a number: their window is open. Return the message's wamid."""
        at = self.now() if at is None else at
        self.heard[phone_id, digits] = max(at, self.heard.get((phone_id, digits), 0.0))
        wamid = wamid or self.next_wamid()
        self.heard_ids[wamid] = (phone_id, digits)
        return wamid

    def next_wamid(self) -> str:
        """Return an id that no message has yet."""
        self._count += 1
        return f"wamid.HBgLFAKE{self._count:08d}"

    def break_with(
        self, fault: Fault, *, accept: bool = False, only: str | None = None, at: str | None = None, times: int = -1
    ) -> None:
        """Fail in this way from now on."""
        self.fault, self.accept, self.fault_in, self.fault_at, self.fault_times = fault, accept, only, at, times

    def mend(self) -> None:
        """Fail no more."""
        self.fault, self.accept, self.fault_in, self.fault_at, self.fault_times = None, True, None, None, -1

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        call = await _call(request)
        self.requests.append((call.verb, "/".join(call.path), call.token))
        self.calls.append(call)
        fault = self._fault(call)
        if fault is not None and not self.accept:
            return await fault(request)
        reply = self._answer(call)
        return reply if fault is None else await fault(request)

    def _fault(self, call: Call) -> Fault | None:
        what = "read" if "status" in call.body else call.path[-1]
        concerned = self.fault_in in (None, what) and self.fault_at in (None, call.path[0])
        if self.fault is None or self.fault_times == 0 or not concerned:
            return None
        self.fault_times -= 1
        return self.fault

    def _answer(self, call: Call) -> web.Response:
        try:
            for group in GROUPS:
                if (reply := group(self, call)) is not None:
                    return web.json_response(reply)
            raise bad_token() if all(each.token != call.token for each in self.numbers) else gone(call.path[0])
        except GraphRefusal as refusal:
            return refusal.response()

    async def _download(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(("GET", request.path.lstrip("/"), _token(request)))
        return await self.media.download(self, request, _token(request))


Group = Callable[[FakeMeta, Call], "Reply | None"]
GROUPS: list[Group] = [
    fake_meta_messages.answer,
    fake_meta_templates.answer,
    fake_meta_media.answer,
    fake_meta_signup.answer,
    fake_meta_numbers.answer,
]
"""Asked in this order: the groups that know a path by its last word, then those that know an object by its id."""


def _token(request: web.Request) -> str:
    return request.headers.get("Authorization", "").removeprefix("Bearer ")


async def _call(request: web.Request) -> Call:
    parts = [part for part in request.path.split("/") if part]
    if parts and _VERSION.fullmatch(parts[0]):
        parts = parts[1:]
    body: dict[str, Any] = {}
    form: dict[str, Any] = {}
    files: dict[str, tuple[str, str, bytes]] = {}
    if request.content_type == "application/json":
        body = json.loads(await request.text() or "{}")
    elif request.content_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = (value.filename, value.content_type, value.file.read())
            else:
                form[name] = value
    return Call(request.method, tuple(parts) or ("",), dict(request.query), _token(request), body, form, files)


def graph_answer(code: int, *, status: int = 400, subcode: int | None = None, **headers: str) -> Fault:
    """A fault that answers with an error of Meta's, whatever was asked."""

    async def fault(_request: web.Request) -> web.StreamResponse:
        found = refuse(code, "an error of the test", status=status, subcode=subcode).response()
        found.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        return found

    return fault


def shown_to(meta: FakeMeta, phone_id: str) -> Sequence[dict[str, Any]]:
    """Return what a number showed, in order."""
    return [each for each in meta.messages if each["phone_id"] == phone_id]


def words_of(message: dict[str, Any]) -> str:
    """Return the words of a visible message, whether it has choices below it or not."""
    kind = message["type"]
    found: str = message["text"]["body"] if kind == "text" else message[kind].get("body", {}).get("text", "")
    return found
