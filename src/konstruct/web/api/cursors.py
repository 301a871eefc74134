"""Cursors: where a page of a list ended. They name a place in the caller's own list and nothing else.

A cursor carries no right: every query names the tenant besides. Its check part makes a changed, cut or foreign one an
error instead of a page from somewhere else.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import orjson

from konstruct.db.scope import TenantScope
from konstruct.web.api.problems import ApiError

T = TypeVar("T")
Value = int | datetime | UUID
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX = 300
_CHECK = 6
_NO_CURSOR = "That is no cursor of this list: take next_cursor as it was given, or begin without one."


@dataclass(frozen=True, slots=True)
class Places:
    """The cursors of one list of one tenant; `kinds` says what its rows are ordered by."""

    scope: TenantScope
    name: str
    kinds: tuple[type[int] | type[datetime] | type[UUID], ...]

    def after(self, values: Sequence[Value]) -> str:
        """Return the cursor of the place right behind a row."""
        body = orjson.dumps([_plain(value) for value in values])
        return base64.urlsafe_b64encode(self._check(body) + body).decode().rstrip("=")

    def parse(self, text: str | None) -> Any:
        """Return the tuple of what the row at the cursor is ordered by, of `kinds`; None for no cursor. Raises ApiError."""
        if text is None:
            return None
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True) if len(text) <= _MAX else b""
            if raw[:_CHECK] != self._check(raw[_CHECK:]):
                raise ValueError
            plain = orjson.loads(raw[_CHECK:])
            return tuple(_value(kind, each) for kind, each in zip(self.kinds, plain, strict=True))
        except (ValueError, TypeError, OverflowError, binascii.Error):
            raise ApiError(400, _NO_CURSOR) from None

    def cut(self, rows: Sequence[T], limit: int, key: Callable[[T], Sequence[Value]]) -> tuple[Sequence[T], str | None]:
        """Return the page of `limit` rows, of which one more was read, and the cursor of the next one."""
        if len(rows) <= limit:
            return rows, None
        return rows[:limit], self.after(key(rows[limit - 1]))

    def _check(self, body: bytes) -> bytes:
        return hashlib.sha256(self.scope.tenant_id.bytes + self.name.encode() + b"\0" + body).digest()[:_CHECK]


def _plain(value: Value) -> int | str:
    if isinstance(value, datetime):
        # Whole microseconds: a rounded moment would skip a row or show it twice.
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value.hex if isinstance(value, UUID) else value


def _value(kind: type[int] | type[datetime] | type[UUID], plain: int | str) -> Value:
    if kind is UUID:
        return UUID(hex=str(plain))
    if not isinstance(plain, int) or not -(2**63) <= plain < 2**63:
        raise ValueError
    return _EPOCH + timedelta(microseconds=plain) if kind is datetime else plain
