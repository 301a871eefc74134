"""The pattern redactor: what it must catch, what it must leave, and that no input is slow or breaks it."""

from __future__ import annotations

import base64
import string
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.kit.redaction import TEXT_MAX, luhn, mod97, redact_text, redact_value, sensitive

WORDS = st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), max_size=5).map(" ".join)
ALPHANUMERIC = string.ascii_letters + string.digits


def card_numbers() -> st.SearchStrategy[str]:
    """Digits with a valid check digit, plain or in groups of four."""

    def complete(head: str) -> str:
        return next(head + digit for digit in string.digits if luhn(head + digit))

    plain = st.text(string.digits, min_size=12, max_size=18).map(complete)
    return st.one_of(plain, plain.map(lambda digits: " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))))


def ibans() -> st.SearchStrategy[str]:
    """Country, check digits, account; plain or in groups of four."""

    def complete(parts: tuple[str, str]) -> str:
        country, account = parts
        return next(found for check in range(2, 99) if mod97(found := f"{country}{check:02}{account}"))

    plain = st.tuples(st.sampled_from(["DE", "GB", "FR", "NL"]), st.text(string.digits, min_size=14, max_size=20)).map(complete)
    return st.one_of(plain, plain.map(lambda iban: " ".join(iban[at : at + 4] for at in range(0, len(iban), 4))))


def secrets() -> st.SearchStrategy[str]:
    """Texts that no log line may show, each of another form."""
    word = st.text(ALPHANUMERIC, min_size=12, max_size=40)
    return st.one_of(
        word.map(lambda w: f"xoxb-123456-{w}"),
        word.map(lambda w: f"xoxe.xoxp-1-{w}"),
        word.map(lambda w: f"xapp-1-A0-{w}"),
        word.map(lambda w: f"Bearer {w}"),
        word.map(lambda w: f"postgresql://app:{w}@db:5432/k"),
        word.map(lambda w: f"redis://:{w}@cache/0"),
        word.map(lambda w: f'"access_token": "{w}"'),
        word.map(lambda w: f"password={w}"),
        word.map(lambda w: f"{w}@example.org"),
        st.binary(min_size=24, max_size=48).map(lambda b: b.hex()),
        st.integers(10**9, 10**10 - 1).map(lambda n: f"+49 {n}"),
        card_numbers(),
        ibans(),
    )


@given(before=WORDS, secret=secrets(), after=WORDS)
def test_a_secret_is_gone_wherever_it_stands(before: str, secret: str, after: str) -> None:
    shown = redact_text(f"{before} {secret} {after}")
    kept = secret.rpartition("://")[2].rpartition("=")[2].removeprefix("Bearer ").strip('"')
    assert secret not in shown
    assert kept not in shown
    assert "[" in shown


@given(st.binary(min_size=32, max_size=64))
def test_long_base64_that_mixes_cases_and_digits_is_gone(key: bytes) -> None:
    text = base64.b64encode(key).decode()
    mixed = any(c.isdigit() for c in text) and any(c.isupper() for c in text) and any(c.islower() for c in text)
    longest = max((len(run) for run in text.replace("=", " ").split()), default=0)
    if mixed and longest >= 32:
        assert text not in redact_text(f"key {text} end")


@given(st.uuids())
def test_a_uuid_stays(value: UUID) -> None:
    assert redact_text(f"turn {value} ended") == f"turn {value} ended"


@pytest.mark.parametrize(
    "text",
    [
        "claimed 3 conversations in 12 ms",
        "konstruct/conversations/repository/claim.py:33 claim_conversations",
        "2026-11-22T10:00:00.123456+00:00",
        "127.0.0.1:54321",
        "T012ABCDE:D034FGHIJ",
        "1700000000.123456",
        "PostgreSQL 18 or newer is needed, this server is 17",
    ],
)
def test_what_operators_need_stays(text: str) -> None:
    assert redact_text(text) == text


def test_a_uuid_as_a_password_is_gone() -> None:
    assert "0193e3a0" not in redact_text("postgresql://app:0193e3a0-7c1b-7c55-8d2a-1234567890ab@db/k")


def test_two_ibans_in_one_sentence_are_both_gone() -> None:
    shown = redact_text("from DE89 3704 0044 0532 0130 00 to GB82 WEST 1234 5698 7654 32 today")
    assert shown == "from [iban] to [iban] today"


@given(st.text(max_size=3000))
def test_any_text_is_taken_and_stays_bounded(text: str) -> None:
    redact_text(text).encode()
    assert len(redact_text(text)) <= 3 * TEXT_MAX


@given(st.sampled_from(["token", "bot_token", "Secret", "AUTHORIZATION", "text", "body", "content", "name", "sender_name"]))
def test_sensitive_keys_keep_nothing_whatever_they_hold(key: str) -> None:
    assert sensitive(key)
    assert redact_value({"deep": [{key: {"more": 5}}]}) == {"deep": [{key: "[redacted]"}]}


def test_counts_under_similar_names_stay() -> None:
    fields = {"input_tokens": 5, "count": 2, "bodies": 1, "ok": True, "none": None}
    assert redact_value(fields) == fields


def test_an_object_becomes_the_name_of_its_type() -> None:
    class Holder:
        def __repr__(self) -> str:
            return "hunter2"

    assert redact_value([Holder()]) == ["<Holder>"]
