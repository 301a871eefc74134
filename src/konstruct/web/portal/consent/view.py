"""What the pages of consent show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from konstruct.conversations.consent.lists_repository import ConsentList, NumberAccount
from konstruct.conversations.consent.reading_list import Entry
from konstruct.db.session import Record

STATES = {
    "live": ("may be written to", "ok"),
    "utility": ("about their orders only", "info"),
    "waiting": ("does not count yet", "warn"),
    "withdrawn": ("withdrawn", "mute"),
    "opted_out": ("wants no messages", "bad"),
}
"""What is said of a person in each state, and its tone."""
PURPOSES = {"marketing": "offers and news", "utility": "their orders and bookings", "any": "everything"}
SOURCES = {
    "import": "a file", "hand": "recorded by hand", "api": "a program", "conversation": "their own message",
    "provider": "told WhatsApp", "forgotten": "asked to be forgotten",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person in a list."""

    id: UUID
    external_id: str
    name: str | None
    state: str
    at: datetime | None = None

    @classmethod
    def of(cls, row: Record) -> PersonRow:
        """Return what the page shows of a row of `people_repository`."""
        return cls(row["id"], row["external_id"], row["display_name"], row["state"], row.get("obtained_at"))

    @property
    def called(self) -> str:
        """Their name, or what they are called by the channel."""
        return self.name or number_of(self.external_id)

    @property
    def shown(self) -> tuple[str, str]:
        """The words for their state, and its tone."""
        return STATES[self.state]


@dataclass(frozen=True, slots=True)
class HomeView:
    """The first page: lists, and people."""

    accounts: Sequence[NumberAccount]
    lists: Sequence[ConsentList]
    people: Sequence[PersonRow]
    query: str = ""
    told: str = ""
    older: str | None = None
    """Behind the people, where there are more."""
    older_lists: str | None = None

    @property
    def waiting(self) -> int:
        """How many of the lists nobody has attested to."""
        return sum(each.attested_at is None for each in self.lists)


@dataclass(frozen=True, slots=True)
class ImportView:
    """The form for a file."""

    accounts: Sequence[NumberAccount]
    account: str = ""
    error: str = ""
    max_size: str = "5 MB"
    max_rows: str = "20,000"


@dataclass(frozen=True, slots=True)
class PreviewView:
    """What a file says before it counts."""

    id: UUID
    name: str
    entries: Sequence[Entry]
    problems: Sequence[Mapping[str, Any]]
    account: str
    shown: int = 20
    listed: int = 200
    """How many problems are shown; the rest is counted."""


@dataclass(frozen=True, slots=True)
class ListView:
    """A list with its people and its attestation."""

    list: ConsentList
    statement: str
    entries: Sequence[Record]
    next: str | None
    told: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class PersonView:
    """The evidence of one person."""

    contact: Record
    row: PersonRow
    consents: Sequence[Record]
    withdrawals: Sequence[Record]
    told: str = ""


@dataclass(frozen=True, slots=True)
class RecordView:
    """The form for one consent."""

    accounts: Sequence[NumberAccount]
    values: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)


_TOLD = {
    "stored": "The list is stored. Nothing counts before an admin has confirmed it.",
    "discarded": "The file is forgotten: nothing of it was stored.",
    "attested": "The list is confirmed, and counts from now on.",
    "recorded": "The consent is recorded.",
    "withdrawn": "It is noted, and nothing more goes out that it does not allow.",
}


def told_of(did: str) -> str:
    """Return what an act before this page came to; for anything else nothing."""
    return _TOLD.get(did, "")


def number_of(external_id: str) -> str:
    """Return a person's id as people read it."""
    return f"+{external_id}" if external_id.isascii() and external_id.isdigit() else external_id
