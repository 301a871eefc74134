"""The channel port: what every channel adapter offers, and the values that cross it.

Pure: `verify`, `handshake`, `parse`, `render`. Thin and asynchronous: `send`, `find`, `working`, `health`.
An adapter never touches the database; ingest and delivery never know a vendor's payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol
from uuid import UUID

from konstruct.channels.port_events import ChannelEvent
from konstruct.conversations.part import Button, Form, Part
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.scope import TenantScope


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What differs between channels. Times are seconds. What an adapter does not name, its channel has not."""

    threads: bool = False
    """Answers go to the thread of the message answered: `Target.thread_id` is set."""
    edit: bool = False
    """A shown message can be changed."""
    delete: bool = False
    """A shown message can be taken back."""
    stream: Literal["native", "edit", "none"] = "none"
    """How an answer can grow while it is made: by the provider's own means, by edits of it, or not at all."""
    typing: Literal["status", "indicator", "none"] = "none"
    """The sign of work: words of ours, or three dots."""
    sign_lasts_s: float = 120.0
    """When the sign of work goes away by itself: it is shown again before that."""
    reactions: bool = False
    """It brings `Reacted`."""
    read_receipts: bool = False
    """Its receipts go as far as `read`."""
    delivery_receipts: bool = False
    """It brings a `Receipt` for what we sent."""
    files_in: bool = False
    """Messages bring attachments, whose bytes can be had."""
    files_out: bool = False
    """`render` may make parts of the form "file", and `send` shows them."""
    buttons_max: int = 0
    """Buttons under one message. What has more choices, and every channel without buttons, gets them as a numbered list."""
    list_max: int = 0
    """Choices of one list that opens, where there are too many for buttons; 0: there are no lists."""
    button_label_max: int | None = None
    """Characters of a button; None: the channel cuts them itself. A longer choice becomes a row of a list."""
    list_label_max: int | None = None
    """Characters of a row of a list. With a longer choice, all of them stand in the text."""
    choices_text_max: int | None = None
    """Characters of a text that has choices below it; None: as many as of any other. Below a longer one they stand in it."""
    modals: bool = False
    """A press can open a dialog."""
    commands: bool = False
    """It brings `Commanded`."""
    home: bool = False
    """The employee has a page of its own there."""
    ephemeral: bool = False
    """One person in a channel can be told something that the others do not see."""
    mentions: bool = False
    """People are mentioned by id, so that what may be mentioned has to be watched."""
    history: bool = False
    """The provider can be asked what was shown: `find` finds."""
    text_max: int
    """Of one part, in `text_unit`s."""
    text_unit: Literal["chars", "utf16", "bytes"] = "chars"
    parts_max: int
    """Text parts of one answer, before it becomes a file where there are files. A shortened answer says so."""
    markup: Literal["markdown", "whatsapp", "html", "plain"]
    reply_window_s: float | None = None
    """How long after a person's last message a free text may be sent to them; None: always."""
    outside_window: Literal["free", "template", "none"] = "free"
    """What may be sent after that."""
    opt_in_required: bool = False
    """Nobody is written to who has not agreed to it, or written first."""
    business_only: bool = False
    """Its provider bans assistants that talk about anything: the employee declines what is none of the business's concern."""
    billed_per_message: bool = False
    """Each message costs: one answer is one message where it fits."""
    echoes: bool = False
    """It shows us our own posts: the proof of a send whose answer was lost."""
    suggestions: bool = False
    """Questions to choose from, for whoever opens the employee's own place: the adapter is `Suggesting`."""
    titles: bool = False
    """Threads have titles: the adapter is `Titling`."""
    install: bool = False
    """By the provider's page of consent: the adapter is `Installing`."""
    signup: bool = False
    """By the provider's dialog on a page of ours: the adapter is `SigningUp`."""
    renew: bool = False
    """Tokens run out: the adapter is `Renewing`."""
    revoke: bool = False
    """Tokens can be taken back: the adapter is `Revoking`."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """A plain answer to a provider's verification request."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"


class ConversationKind(StrEnum):
    """How a conversation is bounded: one person's direct channel, a thread in a channel, or a contact at a number."""

    DIRECT = "direct"
    THREAD = "thread"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message of a person to (or near) the employee."""

    account_key: str
    """Which account received it: the Slack team, the WhatsApp number. Routes to a tenant."""
    app_id: str | None
    event_key: str
    """The provider's id of this delivery: a second delivery with it is a retry."""
    post_keys: tuple[str, ...]
    """Keys of the post itself: two deliveries that share one are the same post (`message` and `app_mention`)."""
    conversation_key: str
    conversation_kind: ConversationKind
    sender_id: str
    sender_name: str | None
    text: str
    attachments: tuple[Mapping[str, Any], ...]
    external_id: str
    """The provider's id of the message; unique in its conversation."""
    channel_id: str
    thread_id: str | None
    """Where an answer goes: the thread of this message; None where the channel has no threads."""
    addressed: bool
    """Whether it asks for an answer by itself: a direct message or a mention."""
    sent_at: datetime
    """The provider's time."""
    context: tuple[Mapping[str, str], ...] = ()
    """What the person was looking at, as the provider names it: {"type", "value"}, ids only."""
    edited_at: datetime | None = None
    """The provider's time of the edit that this delivery already has."""
    stranger: bool = False
    """Whether the author belongs to another company, in a channel that is shared with it."""
    aliases: tuple[str, ...] = ()
    """The other ids under which the provider knows the author: a phone number, where `sender_id` is none."""
    opt: Literal["out", "in"] | None = None
    """Whether the words mean that the author wants to be written to no more, or again, where that has to be agreed to."""
    piece: bytes | None = field(default=None, repr=False, compare=False)
    """What of a body that holds several things is this one's alone, in the provider's form; None: it came alone."""


@dataclass(frozen=True, slots=True)
class Echo:
    """Proof that one of our own sends was accepted: the provider shows it back to us."""

    account_key: str
    app_id: str | None
    event_key: str
    delivery_id: UUID | None
    """Known where the provider returns our metadata; else the match is by channel, thread and text."""
    channel_id: str
    thread_id: str | None
    external_id: str
    text: str
    sent_at: datetime | None = None
    """The provider's time of the message."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A delivery that needs no work: another bot's message, an unknown type, a subtype without meaning for us."""

    reason: str


Inbound = InboundMessage | Echo | ChannelEvent | Ignored


@dataclass(frozen=True, slots=True)
class Target:
    """Where a reply goes."""

    channel_id: str
    thread_id: str | None
    participants: frozenset[str] = frozenset()
    """External ids of the people in the conversation: the only ones a reply may mention."""
    aliases: frozenset[str] = frozenset()
    """The contact's other ids, where the conversation is one contact's: a phone number."""
    heard_id: str | None = None
    """The provider's id of the last message that a person wrote there, where that matters to the sign of work."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a single call needs to act for an account; opened from the vault just before it, never stored or logged."""

    scope: TenantScope
    account_id: UUID
    account_key: str
    token: str = field(repr=False)
    business_account_id: str | None = None
    """What the provider calls the account that has the number, where the account is a number."""


@dataclass(frozen=True, slots=True)
class Post:
    """One part of a reply, ready to send."""

    delivery_id: UUID
    target: Target
    text: str = field(repr=False)
    form: Form = "text"
    buttons: tuple[Button, ...] = ()
    feedback: bool = False
    template: TemplateUse | None = None
    """Of the form "template"."""
    held: tuple[str, int] = ("", 0)
    """The reason for which it was refused for now the last time, and how many times in a row: some waits grow."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Accepted; `external_id` is the provider's id of the visible message."""

    external_id: str


@dataclass(frozen=True, slots=True)
class Retry:
    """Refused for now, certainly not shown. Try again after `after_s` seconds."""

    after_s: float
    reason: str
    scope: Literal["delivery", "pair", "channel", "account"] = "delivery"
    """What has to wait: this delivery, everything to its channel, or the whole account. pair: everything to its channel, and
    certainly nothing else; of "channel", the provider may mean the account (`SendLimits.pause`)."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The outcome is not known (time-out, connection lost after the request was written): reconcile before any resend."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Refused for good. `account_broken` asks to stop using the account until somebody reconnects it.

    `content` says that only these words were refused: the channel would take others. `as_text` says that only the form was:
    the adapter is `Filing`, and knows the messages that say the same.
    """

    reason: str
    account_broken: bool = False
    content: bool = False
    as_text: bool = False
    outreach: bool = False
    """The account may not write first any more, until somebody has looked at why."""
    window: bool = False
    """The reply window is closed: only a template goes."""
    template: Literal["missing", "wrong", "paused", "disabled"] | None = None
    """What is the matter with the template. wrong: what is filled in does not fit it."""
    payment: bool = False
    """The provider wants to be paid, or to know how."""


SendOutcome = Sent | Retry | Unknown | Failed


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider's history shows no trace of the delivery."""


WRONG_ACCOUNT = "wrong_account"
"""The token is good, but for another account than it was said to be for."""
WRONG_BOT = "wrong_bot"
"""The token is the account's, but speaks for another user than the one that was named."""

FindOutcome = Sent | Absent | Retry | Failed


class ChannelAdapter(Protocol):
    """One channel. One instance serves all tenants of a process and keeps nothing between calls."""

    kind: str
    caps: Capabilities

    def verify(self, body: bytes, headers: Mapping[str, str], now: float) -> str | None:
        """Return None if the request is the provider's own, else the reason it is not. Never raises. `now`: Unix seconds.

        Header names are lower case.
        """

    def handshake(self, body: bytes, headers: Mapping[str, str]) -> Handshake | None:
        """Return the answer to a verification request, or None if the (already verified) request is not one."""

    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        """Return what a verified body holds; `headers` as `verify` had them. Raises ValueError, without content in its text,
        for any other form."""

    def render(self, text: str, target: Target) -> list[Part]:
        """Return the reply's markdown as its visible messages, each within the channel's limits and safe to show."""

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        """Make the one call that shows `post`, without any retry of its own. Never raises for a provider's answer."""

    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        """Look for `post` in the provider's history: the last resort when its outcome is unknown."""

    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        """Show (or clear) the sign that the employee is at work; return None, or the code of why not. Best effort: never
        raises."""

    async def health(self, credential: Credential) -> str | None:
        """Return None if the credential works for its account, else the provider's error code, or WRONG_ACCOUNT."""

    async def close(self) -> None:
        """Release the HTTP connections."""
