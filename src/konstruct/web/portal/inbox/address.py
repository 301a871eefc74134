"""The inbox's address: which conversations are listed, and where a page of them ends. Links carry it along."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self, get_args
from urllib.parse import urlencode
from uuid import UUID

from konstruct.conversations.inbox_repository import Cursor, Filter, Show
from konstruct.conversations.search_terms import QUERY_MAX
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.kit.text import storable

_KIND = re.compile(r"[a-z][a-z0-9_]{0,30}", re.ASCII)
_SHOWS: tuple[Show, ...] = get_args(Show)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Address:
    """The query of an inbox page. `channel` is a kind of channel or the id of an account; empty: all."""

    show: Show = "all"
    channel: str = ""
    person: str = ""
    q: str = ""
    before: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Self:
        """Return the address of a request. Raises NotFoundError for one that no page of ours leads to."""
        show = next((show for show in _SHOWS if show == query.get("show", "all")), None)
        if show is None:
            raise NotFoundError("there is no such list")
        text = {name: storable(query.get(name, ""))[:QUERY_MAX] for name in ("channel", "person", "q", "before")}
        return cls(show, text["channel"], text["person"], text["q"].strip(), text["before"])

    @property
    def filter(self) -> Filter:
        """What to list. Raises NotFoundError for an id that is none."""
        kind = self.channel if _KIND.fullmatch(self.channel) else None
        account = parse_id(self.channel) if self.channel and kind is None else None
        return Filter(
            show=self.show,
            channel=kind,
            account_id=account,
            contact_id=parse_id(self.person) if self.person else None,
        )

    @property
    def cursor(self) -> Cursor | None:
        """Where the list begins; None: at the latest. Raises NotFoundError for what we did not make."""
        if not self.before:
            return None
        micros, _, found = self.before.partition("_")
        if not (micros.isascii() and micros.isdigit() and len(micros) <= 17):
            raise NotFoundError("there is no such page")
        return Cursor(_EPOCH + int(micros) * _MICRO, parse_id(found))

    @property
    def hit(self) -> UUID | None:
        """Where a page of search results begins; None: at the latest. Raises NotFoundError."""
        return parse_id(self.before) if self.before else None

    @property
    def query(self) -> str:
        """The query string, with its question mark; empty for the plain inbox."""
        kept = {"show": "" if self.show == "all" else self.show, "channel": self.channel, "person": self.person, "q": self.q}
        kept["before"] = self.before
        text = urlencode({name: value for name, value in kept.items() if value})
        return f"?{text}" if text else ""

    def but(self, **changes: str) -> str:
        """Return the query with some of it changed, from the first page on."""
        return replace(self, **({"before": ""} | changes)).query  # type: ignore[arg-type]  # names are checked by replace

    def older(self, cursor: Cursor | UUID | None) -> str:
        """Return the inbox's address of the next page; empty if there is none."""
        if cursor is None:
            return ""
        place = f"{(cursor.at - _EPOCH) // _MICRO}_{cursor.id}" if isinstance(cursor, Cursor) else str(cursor)
        return f"/inbox{self.but(before=place)}"
