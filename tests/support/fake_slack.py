"""A Slack of our own on loopback, as strict as the real one about tokens, channels, lengths and forms; it can also break."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.support import fake_streams
from tests.support.fake_interactive import Interactive, divided, is_control, wrong_control
from tests.support.fake_rotation import Rotation
from tests.support.fake_slack_app import FakeApp, Place
from tests.support.fake_slack_files import Files
from tests.support.fake_slack_store import FileStore
from tests.support.fake_streams import FakeStreams

MARKDOWN_MAX = 12_000
TEXT_MAX = 40_000

Fault = Callable[[web.Request], Awaitable[web.StreamResponse]]
Trouble = tuple[bool, Fault]
"""Whether a request is carried out all the same, and what answers it."""


@dataclass
class Workspace:
    """One team: its token, its bot, and the channels the bot is in."""

    token: str
    team_id: str
    app_id: str
    bot_id: str
    bot_user_id: str
    channels: set[str]
    name: str = ""
    enterprise_id: str | None = None
    org_wide: bool = False
    scopes: str | None = None
    """What the token may do, as Slack says beside its answers; None: it does not say."""


@dataclass
class FakeSlack:
    """`requests` holds (method, token) of every request that arrived; `posts` what became visible, by team: its words in
    `blocks`, its buttons in `controls`."""

    workspaces: list[Workspace]
    fault: Fault | None = None
    """Answers instead of the method, for posts after `accept` decided whether they are shown."""
    accept: bool = True
    fault_in: str | None = None
    """The one method that `fault` concerns; None: all of them."""
    fault_times: int = -1
    """How many more times `fault` answers; below 0: always."""
    trouble: Callable[[str, dict[str, Any]], Trouble | None] | None = None
    """Asked at each request, with its method and its parameters, for what goes wrong with it."""
    requests: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """(method, parameters) of every request, in the same order."""
    posts: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    titles: list[dict[str, Any]] = field(default_factory=list)
    suggested: list[dict[str, Any]] = field(default_factory=list)
    rotation: Rotation = field(default_factory=Rotation)
    files: Files = field(default_factory=Files)
    interactive: Interactive = field(default_factory=Interactive)
    app: FakeApp = field(init=False)
    """What people install here."""
    revoked: set[str] = field(default_factory=set)
    """Tokens that were taken back."""
    url: str = ""
    store: FileStore = field(default_factory=FileStore)
    """The files of all workspaces, and who was called what."""
    _runner: web.AppRunner | None = None
    _clock: int = 0

    def __post_init__(self) -> None:
        self.streams = FakeStreams(self.posts)
        self.app = FakeApp(self._install)

    async def start(self) -> None:
        app = web.Application(client_max_size=1 << 22)
        app.router.add_route("*", "/api/{method}", self._handle)
        app.router.add_get("/files-pri/{name}", self._download)
        app.router.add_post("/upload/{file_id}", self.files.take)
        app.router.add_route("POST", "/actions/{name}", self.interactive.respond)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/api/"  # type: ignore[attr-defined]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        posted = request.content_type == "application/json" and await request.text()
        asked = json.loads(posted) if posted else dict(request.query)
        self.requests.append((method, token))
        self.calls.append((method, asked))
        trouble = self._trouble_of(method, asked)
        if trouble is not None and not trouble[0]:
            return await trouble[1](request)
        answer = await self._answer(method, token, request)
        held = next((item.scopes for item in self.workspaces if item.token == token), None)
        headers = {} if held is None else {"X-OAuth-Scopes": held}
        return web.json_response(answer, headers=headers) if trouble is None else await trouble[1](request)

    def _trouble_of(self, method: str, asked: dict[str, Any]) -> Trouble | None:
        if self.trouble is not None:
            return self.trouble(method, asked)
        if self.fault is None or self.fault_times == 0 or self.fault_in not in (None, method):
            return None
        self.fault_times -= 1
        return self.accept, self.fault

    async def _answer(self, method: str, token: str, request: web.Request) -> dict[str, Any]:
        if method == "oauth.v2.access":
            if b"grant_type=refresh_token" not in await request.read():
                return await self.app.access(request)
            proof = (self.app.client_id, self.app.client_secret)
            return self.rotation.redeem(proof, request.headers.get("Authorization", ""), await request.text())
        if token in self.revoked:
            return {"ok": False, "error": "token_revoked"}
        if method == "auth.revoke" and token in self.app.refresh_tokens:
            return self._revoke(token, dict(request.query))
        team = self.rotation.owner(token) or next((item for item in self.workspaces if item.token == token), None)
        if isinstance(team, str):
            return {"ok": False, "error": team}
        if team is None:
            return {"ok": False, "error": "invalid_auth" if token else "not_authed"}
        if method == "auth.test":
            return _test(team)
        if method == "auth.revoke":
            return self._revoke(token, dict(request.query))
        if method == "chat.postMessage":
            return self._post(team, json.loads(await request.text()))
        if method == "conversations.replies":
            return self._replies(team, dict(request.query))
        if method in fake_streams.METHODS:
            # The SDK puts what chat.delete needs into the address.
            asked = json.loads(await request.text() or "null") or dict(request.query)
            answer = self.streams.answer(method, self._own(team), team.channels, asked)
            if method == "chat.update" and answer["ok"]:
                self.interactive.updates.append(asked)
            return answer
        if method == "assistant.threads.setTitle":
            self.titles.append(dict(request.query))
            return {"ok": True}
        if method == "assistant.threads.setSuggestedPrompts":
            return self._suggest(team, json.loads(await request.text()))
        if method == "assistant.threads.setStatus":
            self.statuses.append(json.loads(await request.text()))
            return {"ok": True}
        if method == "files.info" and request.query.get("file") not in self.files.known:
            return self.store.info(team.team_id, request.query.get("file", ""))
        if method == "users.info":
            return self.store.person(team.team_id, request.query.get("user", ""))
        if method.startswith("files."):
            return self.files.answer(self, team, method, dict(request.query))
        asked = json.loads(await request.text() or "{}")
        found = self.interactive.answer(method, team.team_id, asked, team.channels, self.posts)
        return found or {"ok": False, "error": "unknown_method"}

    async def _download(self, request: web.Request) -> web.StreamResponse:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        team = next((item for item in self.workspaces if item.token == token), None)
        return await self.store.download(request, team.team_id if team else None)

    def _install(self, place: Place, token: str) -> None:
        """The app is in a workspace, or in all of an organisation, from now on."""
        key = place.team_id or place.enterprise_id or ""
        self.workspaces = [item for item in self.workspaces if item.team_id != key or item.token == token]
        if all(item.token != token for item in self.workspaces):
            org = place.team_id is None
            team = Workspace(token, key, self.app.app_id, f"B{key}", place.bot_user_id, {"D1", "D2", "C1", "C2"}, place.name)
            team.enterprise_id, team.org_wide = place.enterprise_id, org
            self.workspaces.append(team)

    def _revoke(self, token: str, asked: dict[str, str]) -> dict[str, Any]:
        if asked.get("test") not in (None, "0", "false"):
            return {"ok": True, "revoked": False}
        self.revoked.add(token)
        return {"ok": True, "revoked": True}

    def _post(self, team: Workspace, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("channel") not in team.channels:
            return {"ok": False, "error": "channel_not_found"}
        if any(map(wrong_control, filter(is_control, body.get("blocks", [])))):
            return {"ok": False, "error": "invalid_blocks"}
        body = divided(body)
        blocks = body["blocks"]
        if not blocks and not body.get("text"):
            return {"ok": False, "error": "no_text"}
        if any(set(block) != {"type", "text"} or block["type"] != "markdown" or not block["text"] for block in blocks):
            return {"ok": False, "error": "invalid_blocks"}
        if len(body.get("text", "")) > TEXT_MAX or sum(_units(block["text"]) for block in blocks) > MARKDOWN_MAX:
            return {"ok": False, "error": "msg_too_long"}
        own = self._own(team)
        self.posts.append({**body, **own})
        return {"ok": True, "channel": body["channel"], "ts": own["ts"], "message": own}

    def _own(self, team: Workspace) -> dict[str, Any]:
        """Name the next message, and say whose it is."""
        return {
            "ts": self.next_ts(),
            "team": team.team_id,
            "bot_id": team.bot_id,
            "app_id": team.app_id,
            "user": team.bot_user_id,
        }

    def _suggest(self, team: Workspace, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("channel_id") not in team.channels:
            return {"ok": False, "error": "channel_not_found"}
        prompts = body.get("prompts", [])
        if not 1 <= len(prompts) <= 4 or any(set(prompt) != {"title", "message"} for prompt in prompts):
            return {"ok": False, "error": "invalid_arguments"}
        self.suggested.append({**body, "team": team.team_id})
        return {"ok": True}

    def next_ts(self) -> str:
        """Return the time of the next message, later than all before."""
        self._clock = max(time.time_ns() // 1000, self._clock + 1)
        return f"{self._clock // 1_000_000}.{self._clock % 1_000_000:06d}"

    def _replies(self, team: Workspace, query: dict[str, str]) -> dict[str, Any]:
        if query.get("channel") not in team.channels:
            return {"ok": False, "error": "channel_not_found"}
        oldest, latest = query.get("oldest", "0"), query.get("latest", "9999999999.0")
        limit, start = min(int(query.get("limit", "15")), 15), int(query.get("cursor", "0"))
        found = [
            {name: value for name, value in post.items() if name != "metadata" or query.get("include_all_metadata") == "1"}
            for post in self.posts
            if post["channel"] == query["channel"] and post.get("thread_ts") == query.get("ts") and oldest < post["ts"] < latest
        ]
        more = start + limit < len(found)
        cursor = str(start + limit) if more else ""
        page = found[start : start + limit]
        return {"ok": True, "messages": page, "has_more": more, "response_metadata": {"next_cursor": cursor}}


def _test(team: Workspace) -> dict[str, Any]:
    found: dict[str, Any] = {"ok": True, "team": team.name, "user_id": team.bot_user_id, "bot_id": team.bot_id}
    if team.enterprise_id:
        found |= {"enterprise_id": team.enterprise_id, "is_enterprise_install": team.org_wide}
    return found | {"team_id": team.team_id}


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def answers(status: int, body: str | bytes, content_type: str = "application/json", **headers: str) -> Fault:
    """A fault that answers with this, whatever was asked."""
    data = body.encode() if isinstance(body, str) else body
    names = {name.replace("_", "-"): value for name, value in headers.items()}

    async def fault(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=data, headers={"Content-Type": content_type, **names})

    return fault


async def hangs(_request: web.Request) -> web.StreamResponse:
    """A fault that never answers."""
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def resets(request: web.Request) -> web.StreamResponse:
    """A fault that cuts the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()
