from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.kit.crypto import SealBrokenError, new_key, seal, unseal
from konstruct.tenants.envelope import _key_place, _value_place, open_secret, rewrap_secret, seal_secret
from konstruct.tenants.key_provider import TenantKey
from konstruct.tenants.secrets_repository import SealedSecret
from tests.vault.conftest import ALPHA, BETA

KEY = TenantKey(3, new_key())
PURPOSE = "slack.bot_token"
MOVES: dict[str, dict[str, object]] = {
    "tenant": {"tenant_id": BETA},
    "row": {"id": uuid4()},
    "purpose": {"purpose": "slack.signing_secret"},
    "older version": {"version": 4},
    "newer version": {"version": 6},
    "key version": {"key_version": 2},
}


def sealed(text: str = "xoxb-1", *, tenant_id: UUID = ALPHA, key: TenantKey = KEY) -> SealedSecret:
    return seal_secret(key, tenant_id, uuid4(), PURPOSE, 5, text)


def with_column(secret: SealedSecret, column: str, value: bytes) -> SealedSecret:
    return replace(secret, wrapped_key=value) if column == "wrapped_key" else replace(secret, sealed=value)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_comes_back(text: str) -> None:
    assert open_secret(KEY, sealed(text)) == text


@pytest.mark.parametrize("move", MOVES)
def test_a_secret_moved_elsewhere_does_not_open_though_the_key_is_right(move: str) -> None:
    secret = sealed()
    assert open_secret(KEY, secret) == "xoxb-1"
    with pytest.raises(SealBrokenError, match="does not open"):
        open_secret(KEY, replace(secret, **MOVES[move]))  # type: ignore[arg-type]


@pytest.mark.parametrize("column", ["wrapped_key", "sealed"])
@pytest.mark.parametrize("move", ["tenant", "row", "purpose", "older version"])
def test_neither_part_opens_in_another_row(column: str, move: str) -> None:
    here = sealed()
    moved = replace(here, **MOVES[move])  # type: ignore[arg-type]
    there = seal_secret(KEY, moved.tenant_id, moved.id, moved.purpose, moved.version, "xoxb-2")
    with pytest.raises(SealBrokenError):
        open_secret(KEY, with_column(there, column, getattr(here, column)))


@pytest.mark.parametrize("move", [move for move in MOVES if move != "key version"])
def test_the_value_is_bound_to_its_place_even_where_its_data_key_is_at_home(move: str) -> None:
    here = sealed()
    data_key = unseal(KEY.key, here.wrapped_key, _key_place(here))
    moved = replace(here, **MOVES[move])  # type: ignore[arg-type]
    with pytest.raises(SealBrokenError):
        open_secret(KEY, replace(moved, wrapped_key=seal(KEY.key, data_key, _key_place(moved))))


@pytest.mark.parametrize("move", MOVES)
def test_the_data_key_is_bound_to_its_place_even_where_the_value_is_at_home(move: str) -> None:
    here = sealed()
    data_key = unseal(KEY.key, here.wrapped_key, _key_place(here))
    moved = replace(here, **MOVES[move])  # type: ignore[arg-type]
    with pytest.raises(SealBrokenError):
        open_secret(KEY, replace(moved, sealed=seal(data_key, b"xoxb-1", _value_place(moved))))


@pytest.mark.parametrize("column", ["wrapped_key", "sealed"])
def test_a_change_of_any_byte_is_seen(column: str) -> None:
    secret = sealed()
    stored = getattr(secret, column)
    for position in range(len(stored)):
        changed = bytearray(stored)
        changed[position] ^= 0x80
        with pytest.raises(SealBrokenError):
            open_secret(KEY, with_column(secret, column, bytes(changed)))
    for cut in (b"", stored[:-1], stored + b"\x00"):
        with pytest.raises(SealBrokenError):
            open_secret(KEY, with_column(secret, column, cut))


def test_another_key_does_not_open() -> None:
    with pytest.raises(SealBrokenError, match="another key ring"):
        open_secret(TenantKey(3, new_key()), sealed())


def test_the_same_text_never_seals_alike() -> None:
    first, second = sealed(), sealed()
    assert first.wrapped_key != second.wrapped_key
    assert first.sealed != second.sealed


def test_rewrapping_moves_the_data_key_only() -> None:
    secret, new = sealed(), TenantKey(4, new_key())
    moved = replace(secret, wrapped_key=rewrap_secret(KEY, new, secret), key_version=4)
    assert open_secret(new, moved) == "xoxb-1"
    assert moved.sealed == secret.sealed
    for wrong in (KEY, TenantKey(4, KEY.key)):
        with pytest.raises(SealBrokenError):
            open_secret(wrong, moved)
    with pytest.raises(SealBrokenError):
        rewrap_secret(new, KEY, secret)
