from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from slack_sdk.signature import SignatureVerifier

from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.signature import sign, verify
from konstruct.kit.settings import load_settings
from tests.channels.properties import CALM

SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
NOW = 1_790_000_000
BODY = b'{"type":"event_callback"}'


def signed(timestamp: str = str(NOW), body: bytes = BODY, secret: bytes = SECRET) -> dict[str, str]:
    return {"x-slack-request-timestamp": timestamp, "x-slack-signature": sign(secret, body, timestamp)}


def test_agrees_with_the_vendor() -> None:
    timestamp = str(NOW)
    assert SignatureVerifier(SECRET.decode()).generate_signature(timestamp=timestamp, body=BODY) == sign(SECRET, BODY, timestamp)


@pytest.mark.parametrize(
    "timestamp", ["abc", "", "1e9", "-5", "+5", "1.5", " 1790000000", "1790000000\n", "١٧٩٠٠٠٠٠٠٠", "²", "9" * 5000, "nan", "inf"]
)
def test_refuses_timestamps(timestamp: str) -> None:
    assert verify(SECRET, BODY, signed(timestamp), NOW)


@pytest.mark.parametrize("signature", ["", "v0=", "v0=é", "v1=" + "0" * 64, "v0=" + "0" * 64, "\udcff", "v0=" + "0" * 10_000])
def test_refuses_signatures(signature: str) -> None:
    assert verify(SECRET, BODY, {**signed(), "x-slack-signature": signature}, NOW)


@pytest.mark.parametrize("headers", [{}, {"x-slack-signature": "v0=1"}, {"x-slack-request-timestamp": str(NOW)}])
def test_refuses_missing_headers(headers: dict[str, str]) -> None:
    assert verify(SECRET, BODY, headers, NOW)


@pytest.mark.parametrize("value", [None, 5, b"v0=1", []])
def test_refuses_what_is_no_text(value: Any) -> None:
    for name in signed():
        assert verify(SECRET, BODY, {**signed(), name: value}, NOW)


@pytest.mark.parametrize(
    ("age", "accepted"), [(0, True), (300, True), (301, False), (-300, True), (-301, False), (float("nan"), False)]
)
def test_window(age: float, accepted: bool) -> None:
    assert (verify(SECRET, BODY, signed(), NOW + age) is None) is accepted


def test_refuses_another_secret_body_or_time() -> None:
    assert verify(SECRET, BODY, signed(secret=b"other"), NOW)
    assert verify(SECRET, BODY + b" ", signed(), NOW)
    moved = {**signed(), "x-slack-request-timestamp": str(NOW + 1)}
    assert verify(SECRET, BODY, moved, NOW)


def test_signs_raw_bytes() -> None:
    body = b"\xff\x00 not text"
    assert verify(SECRET, body, signed(body=body), NOW) is None


def test_no_secret_accepts_nobody() -> None:
    assert verify(b"", BODY, signed(secret=b""), NOW)
    adapter = SlackAdapter(load_settings(slack_signing_secret=None))
    assert adapter.verify(BODY, signed(secret=b""), NOW)


@settings(CALM, max_examples=300)
@example("v0=\udcff", "1")
@given(st.text(alphabet=st.characters()), st.text(alphabet=st.characters()) | st.integers().map(str))
def test_never_raises_and_never_accepts(signature: str, timestamp: str) -> None:
    headers = {"x-slack-signature": signature, "x-slack-request-timestamp": timestamp}
    assert isinstance(verify(SECRET, BODY, headers, NOW), str)
