"""What the inbox's pages show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from konstruct.conversations.inbox_repository import Account, Listed
from konstruct.conversations.notes_repository import NOTE_MAX
from konstruct.conversations.overview_repository import Overview
from konstruct.conversations.replies import REPLY_MAX
from konstruct.conversations.search import Results
from konstruct.kit.channel_names import channel_name
from konstruct.web.portal.inbox.address import Address
from konstruct.web.portal.inbox.rows import Row
from konstruct.web.portal.inbox.window import WindowView
from konstruct.web.portal.outreach.picker import Picker

SHOWS = (("all", "All"), ("needs_me", "Needs me"), ("waiting", "Waiting"), ("human", "People"), ("ai", "AI"))
STATES = {"ai": ("AI", "mute"), "waiting": ("Waiting", "warn"), "human": ("Person", "info")}


@dataclass(frozen=True, slots=True)
class ListView:
    """The left pane: conversations, or what a search found."""

    address: Address
    listed: tuple[Listed, ...]
    results: Results | None
    accounts: tuple[Account, ...]
    older: str
    open_id: UUID | None
    shows: ClassVar[tuple[tuple[str, str], ...]] = SHOWS
    states: ClassVar[dict[str, tuple[str, str]]] = STATES
    channel_name = staticmethod(channel_name)

    @property
    def url(self) -> str:
        """Where the list alone is, as this page shows it."""
        opened = f"open={self.open_id}" if self.open_id else ""
        query = self.address.query
        return f"/inbox/list{query}{('&' if query else '?') + opened if opened else ''}"

    @property
    def channels(self) -> list[tuple[str, str]]:
        """The choices of the channel filter: kinds with several accounts, then accounts; none if there is one account."""
        if len(self.accounts) < 2 and not self.address.channel:
            return []
        kinds = list(dict.fromkeys(account.kind for account in self.accounts))
        single = [(str(account.id), f"{channel_name(account.kind)} · {account.external_id}") for account in self.accounts]
        return [("", "All channels"), *((kind, channel_name(kind)) for kind in kinds), *single]


@dataclass(frozen=True, slots=True)
class DeskView:
    """Who answers, and where a person writes. `draft` and `error` are what the form was sent with, and what was wrong."""

    conversation: Overview
    query: str
    token: UUID
    draft: str = ""
    error: str = ""
    window: WindowView | None = None
    """The contact's reply window, where the channel has one."""
    picker: Picker | None = None
    """Where it is closed: a template to choose and fill in."""
    reply_max: ClassVar[int] = REPLY_MAX

    @property
    def form(self) -> str:
        """What one writes with: a change of it changes the whole desk."""
        return "template" if self.window is not None and not self.window.open else "text"

    def url(self, act: str) -> str:
        """The address of an act on the conversation."""
        return f"/inbox/{self.conversation.id}/{act}{self.query}"


@dataclass(frozen=True, slots=True)
class NotesView:
    """The notes, and the form for another."""

    conversation: Overview
    query: str
    token: UUID
    draft: str = ""
    error: str = ""
    note_max: ClassVar[int] = NOTE_MAX

    def url(self, act: str) -> str:
        """The address of an act on the notes."""
        return f"/inbox/{self.conversation.id}/notes{act}{self.query}"


@dataclass(frozen=True, slots=True)
class EarlierView:
    """The way to what was said before."""

    conversation_id: UUID
    query: str
    before: int | None
    """Earlier messages are those before this number; None: there are none."""

    @property
    def url(self) -> str:
        """The address of the earlier messages."""
        return f"/inbox/{self.conversation_id}{self.query}{'&' if self.query else '?'}earlier={self.before}"


@dataclass(frozen=True, slots=True)
class ThreadView:
    """The middle and the right pane."""

    conversation: Overview
    query: str
    rows: tuple[Row, ...]
    left: EarlierView
    live: bool
    """Whether the rows end with the latest message, so that what comes can be put behind them."""
    marked: int | None
    """The message that a search led to."""
    cursor: str
    desk: DeskView
    notes: NotesView

    @property
    def title(self) -> str:
        """Who the conversation is with."""
        return title_of(self.conversation)

    @property
    def where(self) -> str:
        """Through which channel."""
        return f"{channel_name(self.conversation.channel)} · {place_of(self.conversation.kind, self.conversation.channel_id)}"


def title_of(conversation: Overview) -> str:
    """Return the names of the people in it, the latest first."""
    names = [person.name for person in conversation.people]
    if not names:
        return "Nobody yet"
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def place_of(kind: str, channel_id: str) -> str:
    """Return what kind of conversation it is, in plain words."""
    return {"direct": "direct message", "thread": f"thread in {channel_id}", "contact": "chat"}[kind]
