from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.llm.backends.sse import MAX_EVENT_BYTES, SseParser
from konstruct.llm.port import LlmError

STREAM = (
    'data: {"a": 1}\r\n\r\n: keep-alive\n\nevent: message\r\ndata: first\r\ndata:second é🙂\nid: 7\n\ndata\n\ndata: [DONE]\r\r'
).encode()
EVENTS = [b'{"a": 1}', "first\nsecond é🙂".encode(), b"", b"[DONE]"]


def parse(*chunks: bytes) -> list[bytes]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)] + parser.finish()


def expected() -> list[bytes]:
    # An event whose data is one empty line carries nothing.
    return [event for event in EVENTS if event]


@given(st.lists(st.integers(min_value=0, max_value=len(STREAM))))
def test_cut_anywhere_gives_the_same_events(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in pairwise(places)]
    assert [event for event in parse(*chunks) if event] == expected()


def test_byte_by_byte() -> None:
    assert [event for event in parse(*(bytes([byte]) for byte in STREAM)) if event] == expected()


def test_a_byte_order_mark_is_dropped() -> None:
    assert parse(b"\xef", b"\xbb\xbfdata: x\n\n") == [b"x"]


def test_the_last_event_needs_no_blank_line() -> None:
    assert parse(b"data: [DONE]") == [b"[DONE]"]


@pytest.mark.parametrize("piece", [b"data: " + b"x" * 70_000, b"data: " + b"x" * 70_000 + b"\n"])
def test_an_endless_event_is_refused(piece: bytes) -> None:
    parser = SseParser()
    with pytest.raises(LlmError) as caught:
        for _ in range(MAX_EVENT_BYTES // 70_000 + 2):
            parser.feed(piece)
    assert caught.value.kind == "garbage"


def test_html_holds_no_event() -> None:
    assert parse(b"<!doctype html>\n<html><body>\n\nhello</body></html>") == []
