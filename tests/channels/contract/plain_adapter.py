"""The adapter of Pigeon: a whole channel in one file, and the example of docs/channels.md.

No threads, no edits, no history: an unknown send is proved by a receipt, which gives back the reference that we sent along.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import aiohttp

from konstruct.channels.channel import Channel
from konstruct.channels.port import (
    WRONG_ACCOUNT,
    Capabilities,
    ConversationKind,
    Credential,
    Failed,
    FindOutcome,
    Handshake,
    Ignored,
    Inbound,
    InboundMessage,
    Post,
    Retry,
    SendOutcome,
    Sent,
    Target,
    Unknown,
)
from konstruct.channels.port_events import Pressed, Receipt
from konstruct.channels.rates import POST, Rate
from konstruct.conversations.part import Part
from konstruct.kit.text import storable
from tests.channels.contract.plain_provider import CHOICES, SECRET, TEXT_BYTES

PARTS_MAX = 4
MORE = "(There is more: ask me for the rest.)"
_ID = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)
_STATES = {"delivered": "delivered", "read": "read", "failed": "failed"}


class PlainAdapter:
    """See `ChannelAdapter`."""

    kind = "pigeon"
    caps = Capabilities(
        read_receipts=True,
        delivery_receipts=True,
        buttons_max=CHOICES,
        text_max=TEXT_BYTES,
        text_unit="bytes",
        parts_max=PARTS_MAX,
        markup="plain",
        reply_window_s=3600.0,
        outside_window="none",
        opt_in_required=True,
        billed_per_message=True,
    )

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    def verify(self, body: bytes, headers: Mapping[str, str], now: float) -> str | None:
        """See `ChannelAdapter.verify`. Bytes are compared: a header that is not ASCII raises nothing."""
        expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest().encode()
        given = headers.get("x-pigeon-signature", "").encode("utf-8", "surrogatepass")
        return None if hmac.compare_digest(expected, given) else "the signature does not fit"

    def handshake(self, body: bytes, headers: Mapping[str, str]) -> Handshake | None:
        """Pigeon asks by GET: see `challenge`."""
        return None

    def challenge(self, query: Mapping[str, str]) -> Handshake:
        """See `Challenged`."""
        if hmac.compare_digest(query.get("token", "").encode("utf-8", "surrogatepass"), SECRET):
            return Handshake(200, query.get("echo", "").encode("utf-8", "replace")[:100])
        return Handshake(403, b"no")

    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        """See `ChannelAdapter.parse`."""
        try:
            data = json.loads(body)
        except (ValueError, RecursionError):
            raise ValueError("the body is not JSON") from None
        if not isinstance(data, dict) or not isinstance(data.get("items"), list):
            raise ValueError("items is missing or not a list")
        account = _identifier(data.get("account"))
        return [_inbound(account, item) for item in data["items"] if isinstance(item, dict)]

    def render(self, text: str, target: Target) -> list[Part]:
        """See `ChannelAdapter.render`. What does not fit is left out, and said to be."""
        words = _plain(storable(text)).strip()
        if not any(char.isprintable() and not char.isspace() for char in words):
            return []
        pieces = list(_pieces(words, TEXT_BYTES - len(MORE) - 1))
        shown = pieces[:PARTS_MAX]
        if len(pieces) > PARTS_MAX:
            shown[-1] = f"{shown[-1]} {MORE}"
        return [Part(piece) for piece in shown]

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        """See `ChannelAdapter.send`."""
        message: dict[str, Any] = {"to": post.target.channel_id, "text": post.text, "ref": str(post.delivery_id)}
        if post.buttons:
            message["choices"] = [{"id": button.id, "label": button.label} for button in post.buttons]
        result = await self._call("POST", f"/v1/{credential.account_key}/messages", credential, timeout_s, message)
        if not isinstance(result, tuple):
            return result
        status, data, after_s = result
        code = data.get("code")
        if status == 200:
            return Sent(data["id"]) if isinstance(data.get("id"), str) else Unknown("unreadable_answer")
        if status == 429:
            return Retry(after_s, "slow_down", scope="account")
        if status == 401:
            return Failed("bad_token", account_broken=True)
        if status in (400, 403, 404, 422) and isinstance(code, str) and _ID.fullmatch(code):
            return Failed(code, content=status == 422)
        return Unknown(f"http_{status}")

    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        """There is no history: who cannot look does not say that there is nothing."""
        return Failed("no_history")

    async def working(self, target: Target, credential: Credential, active: bool) -> None:
        """There is no sign of work."""

    async def health(self, credential: Credential) -> str | None:
        """See `ChannelAdapter.health`."""
        result = await self._call("GET", f"/v1/{credential.account_key}", credential, 10.0, None)
        if not isinstance(result, tuple):
            return result.reason
        status, data, _ = result
        if status != 200 or not isinstance(data.get("account"), str):
            return "bad_token" if status == 401 else f"http_{status}"
        return None if data["account"] == credential.account_key else WRONG_ACCOUNT

    async def close(self) -> None:
        """See `ChannelAdapter.close`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(
        self, verb: str, path: str, credential: Credential, timeout_s: float, message: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any], float] | Retry | Unknown | Failed:
        """Make one call; only whether it was written decides between `Retry` and `Unknown`."""
        if not re.fullmatch(r"[!-~]+", credential.token):
            return Failed("bad_token", account_broken=True)
        attempt = SimpleNamespace(deadline=time.monotonic() + timeout_s, written=False)
        try:
            async with asyncio.timeout(timeout_s):
                asking = self._open().request(
                    verb, self._url + path, json=message, headers={"X-Pigeon-Token": credential.token},
                    allow_redirects=False, trace_request_ctx=attempt,
                )  # fmt: skip
                async with asking as answer:
                    after = answer.headers.get("Retry-After", "")
                    content = await answer.read()
        except Exception:
            return Unknown("connection_lost") if attempt.written else Retry(2.0, "no_connection")
        try:
            data = json.loads(content)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            return Unknown("unreadable_answer")
        return answer.status, data, float(after) if after.isdigit() else 30.0

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_before_write)
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[trace], trust_env=False)
        return self._session


async def _before_write(_session: object, context: SimpleNamespace, _params: object) -> None:
    if time.monotonic() >= context.trace_request_ctx.deadline:
        raise TimeoutError
    context.trace_request_ctx.written = True


def _inbound(account: str, item: dict[str, Any]) -> Inbound:
    kind = item.get("type")
    if kind not in ("text", "receipt", "choice"):
        return Ignored("a type without work for us")
    number = _identifier(item.get("id"))
    key: Any = {"account_key": account, "app_id": None, "event_key": f"pigeon:{account}:{number}"}
    if kind == "receipt":
        state: Any = _STATES.get(str(item.get("state")))
        if state is None:
            return Ignored("a state without work for us")
        return Receipt(
            **key, channel_id=_identifier(item.get("to")), external_id=_identifier(item.get("message")), state=state,
            delivery=_identifier(item.get("ref")),
        )  # fmt: skip
    person = _identifier(item.get("from"))
    if kind == "choice":
        return Pressed(
            **key, person_id=person, channel_id=person, thread_id=None, external_id=_identifier(item.get("message")),
            action="choice", value=_identifier(item.get("choice")),
        )  # fmt: skip
    if person == account:
        return Ignored("our own words")
    text, at = item.get("text"), item.get("at")
    if not isinstance(text, str) or not isinstance(at, int) or not 0 <= at < 1 << 34:
        raise ValueError("text or at has a wrong type")
    return InboundMessage(
        **key, post_keys=(f"pigeon:{account}:post:{number}",), conversation_key=person,
        conversation_kind=ConversationKind.CONTACT,
        sender_id=person, sender_name=storable(str(item.get("name") or ""))[:200] or None, text=storable(text), attachments=(),
        external_id=_identifier(item.get("id")), channel_id=person, thread_id=None, addressed=True,
        sent_at=datetime.fromtimestamp(at, UTC),
    )  # fmt: skip


def _identifier(value: object) -> str:
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ValueError("an id is missing or not one")
    return value


def _plain(text: str) -> str:
    text = re.sub(r"^[ \t]*(?:```|~~~).*$\n?", "", text, flags=re.MULTILINE)
    text = re.sub(r"!?\[([^\[\]]*)\]\(([^()\s]*)\)", r"\1 (\2)", text)
    return re.sub(r"^#{1,6}[ \t]+|\*\*|`", "", text, flags=re.MULTILINE)


def _pieces(text: str, limit: int) -> Sequence[str]:
    """Cut between words where that helps, else between characters that belong together."""
    pieces, held = [], ""
    for word in re.findall(r"\s*\S+", text):
        if len((held + word).encode()) <= limit:
            held += word
            continue
        if held.strip():
            pieces.append(held.strip())
        held = word.lstrip()
        while len(held.encode()) > limit:
            head = held.encode()[:limit].decode("utf-8", "ignore")
            pieces.append(head)
            held = held[len(head) :]
    return [*pieces, held.strip()] if held.strip() else pieces


def pigeon(url: str) -> Channel:
    """Return the channel, of a provider at `url`: what a folder of a real one declares."""
    return Channel(
        "pigeon",
        lambda _settings: PlainAdapter(url),
        webhooks=("/webhooks/pigeon",),
        challenge="/webhooks/pigeon",
        rates=lambda _settings: {POST: Rate(per_minute=600, burst=50)},
    )
