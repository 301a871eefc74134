"""What every channel adapter must hold. A channel's test subclasses `ChannelContract` and offers a `harness` fixture."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels.port import (
    Absent,
    ChannelAdapter,
    Credential,
    Echo,
    Failed,
    InboundMessage,
    Post,
    Retry,
    SendOutcome,
    Sent,
    Target,
    Unknown,
)
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from tests.channels.properties import CALM

NOW = 1_790_000_000.0
SEND_TIMEOUT_S = 10.0
HANG_TIMEOUT_S = 1.5


class Provider(Protocol):
    """The provider's double. Each of `faults` puts it into one way of failing; `shown` counts the visible messages."""

    def shown(self) -> int: ...

    def asked(self) -> int: ...

    def fault(self, name: str) -> None: ...

    async def down(self) -> None: ...


@dataclass
class Harness:
    """An adapter, its provider's double, and two tenants' credentials."""

    adapter: ChannelAdapter
    provider: Provider
    sign: Callable[[bytes, float], dict[str, str]]
    message: Callable[[str], bytes]
    echo: Callable[[UUID], bytes]
    handshake: tuple[bytes, bytes]
    credentials: tuple[Credential, Credential]
    targets: tuple[Target, Target]
    seen_by: Callable[[Credential], Sequence[str]]

    def post(self, text: str = "hello", tenant: int = 0) -> Post:
        return Post(uuid7(), self.targets[tenant], text)


def credential(account_key: str, token: str) -> Credential:
    return Credential(TenantScope(uuid7()), uuid7(), account_key, token)


FAULTS: list[tuple[str, type[SendOutcome], bool]] = [
    # fault, outcome, whether the provider showed the message all the same
    ("rate limit", Retry, False),
    ("refused for good", Failed, False),
    ("error 500, not shown", Unknown, False),
    ("error 500, shown", Unknown, True),
    ("page of HTML", Unknown, True),
    ("garbage", Unknown, True),
    ("a list", Unknown, True),
    ("empty body", Unknown, True),
    ("hangs, shown", Unknown, True),
    ("reset, not shown", Unknown, False),
    ("reset, shown", Unknown, True),
    ("redirect", Unknown, False),
    ("dead token", Failed, False),
]


class ChannelContract:
    """Tests of an adapter through the port alone."""

    def test_verify(self, harness: Harness) -> None:
        body = harness.message("hi")
        headers = harness.sign(body, NOW)
        assert harness.adapter.verify(body, headers, NOW) is None
        assert harness.adapter.verify(body + b" ", headers, NOW)
        assert harness.adapter.verify(body, {}, NOW)
        for name in headers:
            assert harness.adapter.verify(body, {**headers, name: "é" + headers[name]}, NOW)

    def test_handshake(self, harness: Harness) -> None:
        asked, answer = harness.handshake
        found = harness.adapter.handshake(asked, {})
        assert found is not None and (found.status, found.body) == (200, answer)
        assert harness.adapter.handshake(harness.message("hi"), {}) is None

    def test_parse_message(self, harness: Harness) -> None:
        (found,) = harness.adapter.parse(harness.message("Grüße 👋"), {})
        assert isinstance(found, InboundMessage)
        assert (found.text, found.addressed, found.sent_at.utcoffset()) == ("Grüße 👋", True, timedelta(0))
        assert found.post_keys and found.event_key and found.account_key == harness.credentials[0].account_key

    def test_parse_echo(self, harness: Harness) -> None:
        delivery = uuid7()
        (found,) = harness.adapter.parse(harness.echo(delivery), {})
        assert isinstance(found, Echo) and found.delivery_id == delivery

    @pytest.mark.parametrize("body", [b"", b"secret", b"[]", b"null", b'{"secret":1}', b"\xff\xfe", b"[" * 100_000])
    def test_parse_refuses(self, harness: Harness, body: bytes) -> None:
        with pytest.raises(ValueError, match=r"^[a-zA-Z_, ]+$") as caught:
            harness.adapter.parse(body, {})
        assert "secret" not in str(caught.value)

    def test_render(self, harness: Harness) -> None:
        adapter, target = harness.adapter, harness.targets[0]

        @settings(CALM, max_examples=50)
        @given(st.text(max_size=300), st.integers(1, 200))
        def holds(text: str, times: int) -> None:
            parts = adapter.render(text * times, target)
            assert all(part.text.strip() and len(part.text) <= adapter.caps.text_max for part in parts)

        holds()
        assert adapter.render(" \n\t", target) == []

    async def test_send_reaches_one_tenant(self, harness: Harness) -> None:
        first, second = harness.credentials
        assert isinstance(await harness.adapter.send(harness.post("for one", 0), first, SEND_TIMEOUT_S), Sent)
        assert isinstance(await harness.adapter.send(harness.post("for two", 1), second, SEND_TIMEOUT_S), Sent)
        assert (list(harness.seen_by(first)), list(harness.seen_by(second))) == (["for one"], ["for two"])
        crossed = await harness.adapter.send(harness.post("astray", 1), first, SEND_TIMEOUT_S)
        assert isinstance(crossed, Failed) and harness.provider.shown() == 2

    @pytest.mark.parametrize(("fault", "outcome", "shown"), FAULTS, ids=[row[0] for row in FAULTS])
    async def test_send_once(self, harness: Harness, fault: str, outcome: type[SendOutcome], shown: bool) -> None:
        harness.provider.fault(fault)
        # Long where an answer comes: a hidden second attempt must have the time to show itself.
        timeout_s = HANG_TIMEOUT_S if fault.startswith("hangs") else SEND_TIMEOUT_S
        found = await harness.adapter.send(harness.post(), harness.credentials[0], timeout_s)
        assert isinstance(found, outcome)
        assert (harness.provider.asked(), harness.provider.shown()) == (1, int(shown))
        if isinstance(found, Failed):
            assert found.account_broken is (fault == "dead token")

    async def test_send_over_a_used_connection(self, harness: Harness) -> None:
        """A client that repeats a post after a reset of a kept connection would show it twice."""
        await harness.adapter.send(harness.post(), harness.credentials[0], SEND_TIMEOUT_S)
        harness.provider.fault("reset, shown")
        assert isinstance(await harness.adapter.send(harness.post(), harness.credentials[0], SEND_TIMEOUT_S), Unknown)
        assert (harness.provider.asked(), harness.provider.shown()) == (2, 2)

    async def test_send_without_connection(self, harness: Harness) -> None:
        await harness.provider.down()
        assert isinstance(await harness.adapter.send(harness.post(), harness.credentials[0], SEND_TIMEOUT_S), Retry)

    async def test_no_time_left_writes_nothing(self, harness: Harness) -> None:
        assert isinstance(await harness.adapter.send(harness.post(), harness.credentials[0], SEND_TIMEOUT_S), Sent)
        assert isinstance(await harness.adapter.send(harness.post(), harness.credentials[0], -1.0), Retry)
        assert harness.provider.asked() == 1

    async def test_find(self, harness: Harness) -> None:
        if not harness.adapter.caps.echoes:
            return
        sent, other = harness.post(), harness.post()
        before = datetime.now(UTC)
        outcome = await harness.adapter.send(sent, harness.credentials[0], SEND_TIMEOUT_S)
        assert await harness.adapter.find(sent, before, harness.credentials[0]) == outcome
        assert isinstance(await harness.adapter.find(other, before, harness.credentials[0]), Absent)

    @pytest.mark.parametrize("fault", [row[0] for row in FAULTS if not row[0].startswith("hangs")])
    async def test_reads_never_raise(self, harness: Harness, fault: str) -> None:
        harness.provider.fault(fault)
        await harness.adapter.working(harness.targets[0], harness.credentials[0], active=True)
        assert await harness.adapter.health(harness.credentials[0])
        found = await harness.adapter.find(harness.post(), datetime.now(UTC), harness.credentials[0])
        assert isinstance(found, Retry | Failed)

    async def test_health(self, harness: Harness) -> None:
        assert await harness.adapter.health(harness.credentials[0]) is None
        assert await harness.adapter.health(replace(harness.credentials[0], token="stale")) is not None

    @pytest.mark.parametrize("token", ["", "two words", "line\nX-Other: 1", "ключ", "\x00"])
    async def test_unusable_tokens(self, harness: Harness, token: str) -> None:
        bad = replace(harness.credentials[0], token=token)
        found = await harness.adapter.send(harness.post(), bad, SEND_TIMEOUT_S)
        assert isinstance(found, Failed) and found.account_broken
        assert harness.provider.asked() == 0

    async def test_nothing_of_it_in_the_logs(self, harness: Harness, caplog: pytest.LogCaptureFixture, capfd: Capture) -> None:
        caplog.set_level(logging.DEBUG)
        logging.getLogger("slack_sdk").setLevel(logging.DEBUG)
        used, text = harness.credentials[0], "canary in the text"
        for fault in (None, "error 500, shown", "garbage", "dead token"):
            if fault:
                harness.provider.fault(fault)
            await harness.adapter.send(harness.post(text), used, SEND_TIMEOUT_S)
            await harness.adapter.health(used)
        output = caplog.text + "".join(capfd.readouterr()) + repr(used) + repr(vars(harness.adapter))
        assert used.token not in output and text not in output


Capture = pytest.CaptureFixture[str]
