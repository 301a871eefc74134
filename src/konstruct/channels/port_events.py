"""What a channel brings besides messages and echoes: each is stored with its delivery's key, and handled once by a worker.

Fields are plain (text, numbers, yes or no, lists and objects of these): an event waits in the database as JSON. `channel_id`
is where it happened, `person_id` who did it, `external_id` the message it concerns, each as the provider names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias, get_args

Standing = Literal["good", "limited", "stopped", "unchanged"]
"""What an account may do from now on. stopped: nothing can be sent until somebody does something about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    account_key: str
    """Which account it is for; routes to a tenant."""
    app_id: str | None
    event_key: str
    """The provider's id of this delivery: a second delivery with it is a retry."""
    piece: bytes | None = field(default=None, repr=False, compare=False)
    """See `InboundMessage.piece`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited(_Event):
    """A person changed a message."""

    channel_id: str
    external_id: str
    text: str = field(repr=False)
    attachments: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    post_key: str
    """The key under which the message is known (`InboundMessage.post_keys`)."""
    at: str
    """When, by the provider's clock, in ISO's form: of two edits the later one counts, whichever comes first."""
    addressed: bool
    """Whether the message asks for an answer by itself, as it stands now."""
    stranger: bool
    """See `InboundMessage.stranger`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deleted(_Event):
    """A message was deleted: what it said is to be forgotten."""

    channel_id: str
    external_id: str
    post_key: str
    """The key under which the message is known (`InboundMessage.post_keys`), or would be, should it come after this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened(_Event):
    """A person opened the employee's own place in the channel: its messages or its home."""

    person_id: str
    channel_id: str | None
    place: Literal["messages", "home"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked(_Event):
    """A person, who has the employee's place beside it, looks at something else."""

    person_id: str
    context: tuple[Mapping[str, str], ...]
    """See `InboundMessage.context`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Met(_Event):
    """Somebody wrote whose name is not known, or not of late. Ingest itself says so."""

    contact_id: str
    person_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(_Event):
    """The employee was added to a channel; or somebody else, where the provider does not tell its deliveries apart."""

    channel_id: str
    member_id: str
    """Who was added."""
    person_id: str | None
    """Who added it, where the provider says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed(_Event):
    """A person pressed a button under a message, or chose from its list."""

    person_id: str
    channel_id: str | None
    thread_id: str | None
    external_id: str | None
    action: str
    """Which button, by the id that we gave it."""
    value: str
    at: float = 0.0
    """The provider's time, Unix seconds: of two presses that arrive turned round, the later one holds."""
    reply_url: str | None = field(default=None, repr=False)
    """Where one person alone can be answered for a while."""
    trigger: str | None = field(default=None, repr=False)
    """A ticket of seconds with which a dialog may be opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(_Event):
    """A person sent a dialog."""

    person_id: str
    dialog: str
    """Which dialog, by the id that we gave it."""
    context: str = field(repr=False)
    """What we gave it along. Anybody may have changed it: it is no proof of anything."""
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded(_Event):
    """A person gave a command."""

    person_id: str
    channel_id: str
    command: str
    text: str = field(repr=False)
    reply_url: str | None = field(default=None, repr=False)
    trigger: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked(_Event):
    """The provider says that the account's credential no longer holds."""

    reason: str
    at: float
    """The provider's time, Unix seconds: an older one says nothing of a newer installation."""
    bots: tuple[str, ...] = ()
    """Whose credential, where the provider says so: that of another bot is none of the account's."""
    whole_business: bool = False
    """See `AccountChanged.whole_business`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reacted(_Event):
    """A person put a sign under a message, or took it back."""

    person_id: str
    channel_id: str
    external_id: str
    sign: str
    taken_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(_Event):
    """What became of a message of ours. States come late, twice and out of order; the furthest one holds."""

    channel_id: str
    external_id: str
    state: Literal["sent", "delivered", "read", "played", "failed"]
    """played: a voice message was listened to."""
    delivery: str | None = None
    """Our delivery's id, where the provider gives back what we sent along: then it proves the send itself."""
    reason: str | None = None
    """Of `failed`: the provider's code, at most 200 characters."""
    charged_as: str | None = None
    """The category in which the provider bills it, where it says so."""
    billable: bool | None = None
    """Whether it costs, where the provider says so."""
    charge_type: str | None = None
    """The provider's word for why it does, or does not."""
    charge_model: str | None = None
    """The provider's word for how it counts: by message, by conversation."""
    at: float = 0.0
    """The provider's time, Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountChanged(_Event):
    """The provider has changed what the account may do."""

    change: str
    """The provider's own word, of letters, digits and `_`, at most 100."""
    standing: Standing
    detail: str | None = None
    """More in the provider's words: kinds of restriction, of violation; at most 300 characters."""
    until: float | None = None
    """When it ends, Unix seconds, where the provider says so."""
    whole_business: bool = False
    """Whether `account_key` is the id of a business account: it is about all its numbers then, save where one is named."""
    phone_number: str | None = None
    """The digits of the one number of the business account that it is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityChanged(_Event):
    """How many people may be written to first, or how fast, is another number now."""

    daily_limit: int | None = None
    """People in any 24 hours, over the whole portfolio; -1: without a limit. None: it was not said."""
    numbers_max: int | None = None
    change: str | None = None
    """The provider's own word for what happened to the number's throughput."""
    whole_business: bool = False
    """See `AccountChanged.whole_business`."""
    phone_number: str | None = None
    """See `AccountChanged.phone_number`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChanged(_Event):
    """A template of the business account has another state, category or quality: `account_key` is that account's id."""

    template_id: str
    name: str
    language: str
    state: str | None = None
    """The provider's own word: APPROVED, REJECTED, PAUSED, DISABLED, ..."""
    category: str | None = None
    quality: str | None = None
    reason: str | None = None
    """The provider's own word, at most 300 characters."""
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readdressed(_Event):
    """The provider knows a person by other ids from now on."""

    old_ids: tuple[str, ...]
    new_ids: tuple[str, ...]
    """The first is the one to call them by."""
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferenceChanged(_Event):
    """A person told the provider whether they want to be written to first."""

    person_id: str
    wants: bool
    category: str
    """The provider's word for which messages: marketing_messages."""
    at: float = 0.0
    aliases: tuple[str, ...] = ()
    """The person's other ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opted(_Event):
    """A person wrote the word that ends the messages, or takes them up again, and it was done. Ingest itself says so."""

    contact_id: str
    conversation_id: str
    message_id: str
    wants: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Called(_Event):
    """A person called by voice. We do not answer calls, but it opens the reply window as a message does."""

    person_id: str
    at: float


ChannelEvent: TypeAlias = (
    Edited
    | Deleted
    | Opened
    | Looked
    | Met
    | Joined
    | Pressed
    | Submitted
    | Commanded
    | Revoked
    | Reacted
    | Receipt
    | AccountChanged
    | CapacityChanged
    | TemplateChanged
    | Readdressed
    | PreferenceChanged
    | Opted
    | Called
)

KINDS: dict[str, type[ChannelEvent]] = {each.__name__.lower(): each for each in get_args(ChannelEvent)}
"""The events by the name under which they are stored."""

BODILESS: frozenset[type[ChannelEvent]] = frozenset((Edited, Deleted))
"""Of these the provider's bytes are not kept: they quote what was said before, which is to be forgotten."""


def is_of_business(event: ChannelEvent) -> bool:
    """Return whether the event's `account_key` is the id of a business account with all its numbers."""
    return isinstance(event, TemplateChanged) or getattr(event, "whole_business", False)


def stored(event: ChannelEvent) -> tuple[str, dict[str, Any]]:
    """Return the event's kind and its fields as plain values."""
    kept = (each.name for each in fields(event) if each.name != "piece")
    return type(event).__name__.lower(), {name: getattr(event, name) for name in kept}


def restored(kind: str, values: Mapping[str, Any]) -> ChannelEvent:
    """Return the event of `stored`. Raises ValueError for a kind or fields that this version does not know."""
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"no event is called {kind[:40]}")
    names = {each.name for each in fields(known)}
    try:
        return known(**{name: _frozen(value) for name, value in values.items() if name in names})
    except TypeError:
        raise ValueError(f"{kind}: a field is missing") from None


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
