"""Requests that are not Slack's, or not whole: each is refused in one line, nothing of it is kept, and the house goes on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest

from konstruct.channels.channel import BODY_MAX
from konstruct.web import webhooks
from tests.bad_input.support import nothing_was_taken, one_answer_to, post, rows
from tests.conftest import SIGNING_SECRET
from tests.support.house import House
from tests.support.slack_events import encode, message, sign

DEEP = 100_000


async def test_malformed_json(ears: House) -> None:
    whole = encode(message(ears.teams[0], "D1", "U1", "hello"))
    for body in (
        b"",
        b"nonsense",
        whole[:-1],
        whole + b"}",
        whole + whole,
        b"[" + whole + b"]",
        b"null",
        b"17",
        b'"text"',
        b"[]",
        b"{}",
        b"\xef\xbb\xbf" + whole,
        b"payload=" + whole,
        whole.replace(b'"', b"'"),
    ):
        assert (await post(ears, body))[0] == 400, body[:40]
    await nothing_was_taken(ears)


async def test_missing_or_wrong_signature(ears: House) -> None:
    body = encode(message(ears.teams[0], "D1", "U1", "hello"))
    good = sign(body, SIGNING_SECRET)
    stamp, signature = "X-Slack-Request-Timestamp", "X-Slack-Signature"
    for headers in (
        {},
        {name: value for name, value in good.items() if name != stamp},
        {name: value for name, value in good.items() if name != signature},
        good | {signature: ""},
        good | {signature: good[signature].removeprefix("v0=")},
        good | {signature: good[signature].replace("v0=", "v1=")},
        good | {signature: good[signature].upper()},
        good | {signature: good[signature][:-1]},
        good | {signature: "v0=" + "0" * 64},
        good | {signature: "v0=ÿ" + "0" * 63},
        good | {signature: "v0=" + "0" * 7000},
        good | {stamp: "now"},
        good | {stamp: good[stamp] + ".0"},
        good | {stamp: "-1"},
        good | {stamp: "9" * 5000},
        sign(body, "another secret"),
        sign(body, ""),
        sign(body + b" ", SIGNING_SECRET),
    ):
        assert await post(ears, body, headers) == (401, "the signature does not fit"), headers
    await nothing_was_taken(ears)
    assert (await post(ears, body, good))[0] == 200


@pytest.mark.parametrize(("age", "status"), [(301, 401), (-301, 401), (300, 200), (-300, 200), (86_400, 401)])
async def test_stale_time(ears: House, monkeypatch: pytest.MonkeyPatch, age: int, status: int) -> None:
    now = 1_700_000_000
    monkeypatch.setattr(webhooks, "time", SimpleNamespace(time=lambda: float(now), perf_counter=time.perf_counter))
    body = encode(message(ears.teams[0], "D1", "U1", "hello"))
    assert (await post(ears, body, sign(body, SIGNING_SECRET, now - age)))[0] == status
    assert len(await rows(ears, "messages")) == (status == 200)


async def test_body_that_is_not_utf_8(ears: House) -> None:
    whole = message(ears.teams[0], "D1", "U1", "TEXT")
    for text in (b"\xff\xfe", b"caf\xe9", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"):
        assert (await post(ears, encode(whole).replace(b"TEXT", text)))[0] == 400, text
    for encoding in ("utf-16", "utf-32"):
        assert (await post(ears, json.dumps(whole).encode(encoding)))[0] == 400
    await nothing_was_taken(ears)


def padded(house: House, size: int) -> bytes:
    """A good delivery of exactly `size` bytes."""
    body = encode(message(house.teams[0], "D1", "U1", "hello"))
    return body + b" " * (size - len(body))


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


async def test_one_byte_more_than_a_mebibyte(ears: House) -> None:
    body = padded(ears, BODY_MAX + 1)
    assert BODY_MAX == 1_048_576
    assert (await post(ears, body))[0] == 413
    assert (await post(ears, in_chunks(body), sign(body, SIGNING_SECRET)))[0] == 413
    await nothing_was_taken(ears)

    for size in (BODY_MAX, BODY_MAX - 1):
        body = padded(ears, size)
        assert (await post(ears, body))[0] == 200
        body = padded(ears, size)
        assert (await post(ears, in_chunks(body), sign(body, SIGNING_SECRET)))[0] == 200
    assert len(await rows(ears, "messages")) == 4


async def raw(house: House, head: str, body: bytes = b"", *, leave: bool = False) -> bytes:
    """Write bytes that no HTTP library would; return the first line of the answer, or nothing after leaving early."""
    address = urlsplit(house.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(f"POST /webhooks/slack/events HTTP/1.1\r\nHost: konstruct\r\n{head}\r\n\r\n".encode() + body)
        await writer.drain()
        return b"" if leave else await reader.readline()
    finally:
        writer.close()


async def test_a_length_that_is_not_the_bodys(ears: House) -> None:
    # Refused by what it declares: the body is not waited for.
    assert b" 413 " in await raw(ears, f"Content-Length: {BODY_MAX + 1}")
    assert b" 413 " in await raw(ears, "Content-Length: " + "9" * 18)
    for head in ("Content-Length: many", "Content-Length: -1", "Content-Length: " + "9" * 30):
        assert b" 400 " in await raw(ears, head, b"hello"), head
    assert b" 40" in await raw(ears, "Transfer-Encoding: chunked\r\nContent-Length: 5", b"hello\r\n")
    # No length at all is an empty body, and that has no signature.
    assert b" 401 " in await raw(ears, "Accept: */*")
    await nothing_was_taken(ears)


async def test_a_sender_that_leaves_half_way(house: House) -> None:
    for _ in range(3):
        await raw(house, "Content-Length: 5000", b"{", leave=True)
        await raw(house, "Transfer-Encoding: chunked", b"5\r\nhello\r\n", leave=True)
    await nothing_was_taken(house)
    await one_answer_to(house, house.teams[0], "D1")


async def test_deep_nesting(ears: House) -> None:
    delivery = encode(message(ears.teams[0], "D1", "U1", "hello", blocks="DEEP"))
    for body in (
        b"[" * DEEP,
        b"[" * DEEP + b"]" * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        delivery.replace(b'"DEEP"', b"[" * DEEP + b"]" * DEEP),
        delivery.replace(b'"DEEP"', b"9" * DEEP),
    ):
        assert (await post(ears, body))[0] == 400
    await nothing_was_taken(ears)


async def test_other_methods_and_places(ears: House) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        assert (await post(ears, b"", {}, method=method))[0] == 405
    await nothing_was_taken(ears)


async def test_after_all_of_it_a_question_is_answered_once(house: House) -> None:
    body = encode(message(house.teams[0], "D1", "U1", "hello"))
    for bad in (b"nonsense", b"\xff", b"[" * DEEP, padded(house, BODY_MAX + 1)):
        assert (await post(house, bad))[0] in (400, 413)
        assert (await post(house, body, {}))[0] == 401
    for team in house.teams:
        await one_answer_to(house, team, "D1")
    assert len(house.slack.posts) == 2
