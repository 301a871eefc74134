from __future__ import annotations

from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.kit.crypto import (
    KEY_BYTES,
    SealBrokenError,
    associated_data,
    equal,
    key_fingerprint,
    new_key,
    random_token,
    seal,
    token_digest,
    unseal,
)

PARTS = st.lists(st.one_of(st.text(st.characters()), st.integers(), st.uuids()), max_size=5)


@given(st.binary(max_size=300), st.binary(max_size=50))
def test_what_was_sealed_opens(plaintext: bytes, associated: bytes) -> None:
    key = new_key()
    sealed = seal(key, plaintext, associated)
    assert unseal(key, sealed, associated) == plaintext
    assert len(sealed) == len(plaintext) + 29


def test_a_change_of_any_bit_is_seen() -> None:
    key = new_key()
    sealed = seal(key, b"xoxb-1", b"place")
    for position in range(len(sealed)):
        for bit in range(8):
            changed = bytearray(sealed)
            changed[position] ^= 1 << bit
            with pytest.raises(SealBrokenError):
                unseal(key, bytes(changed), b"place")


def test_a_cut_or_grown_text_does_not_open() -> None:
    key = new_key()
    sealed = seal(key, b"xoxb-1", b"place")
    for cut in range(len(sealed)):
        with pytest.raises(SealBrokenError):
            unseal(key, sealed[:cut], b"place")
    with pytest.raises(SealBrokenError):
        unseal(key, sealed + b"\x00", b"place")


def test_another_key_or_place_does_not_open() -> None:
    key = new_key()
    sealed = seal(key, b"xoxb-1", b"place")
    for wrong_key, wrong_place in ((new_key(), b"place"), (key, b"plac"), (key, b"place "), (key, b"")):
        with pytest.raises(SealBrokenError):
            unseal(wrong_key, sealed, wrong_place)


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33])
def test_only_256_bit_keys_are_taken(size: int) -> None:
    with pytest.raises(ValueError, match=f"not {size}"):
        seal(bytes(size), b"", b"")


@given(PARTS, PARTS)
def test_different_lists_are_encoded_differently(left: list[str | int | UUID], right: list[str | int | UUID]) -> None:
    assert (associated_data(*left) == associated_data(*right)) is (left == right)


def test_lists_that_concatenate_alike_are_encoded_differently() -> None:
    number = uuid4()
    alike = [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("", "abc"), (1, 2), (12,), ("1", "2"), (number,), (str(number),)]
    encoded = sorted(associated_data(*parts) for parts in alike)
    assert all(left != right for left, right in pairwise(encoded))


def test_equal_compares_any_text() -> None:
    assert equal("tökén", "tökén")
    assert equal("token", b"token")
    assert not equal("token", "token ")
    assert not equal("\ud800", "?")


def test_tokens_are_random_and_stored_as_digests() -> None:
    token = random_token()
    assert len(token) == 43
    assert token != random_token()
    assert token_digest("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert token_digest(token) == token_digest(token.encode())


def test_a_fingerprint_names_a_key_and_is_no_part_of_it() -> None:
    key = new_key()
    assert len(key) == KEY_BYTES
    assert key_fingerprint(key) == key_fingerprint(key) != key_fingerprint(new_key())
    assert bytes.fromhex(key_fingerprint(key)) not in key
