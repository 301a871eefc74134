"""What some channels can do besides the core of the port: small protocols, and the values that cross them.

`Capabilities` says which of them an adapter has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from konstruct.channels.port import Credential, Failed, Handshake, Inbound, Retry, Target, Unknown
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Button, Part
from konstruct.conversations.suggestion import Suggestion


@dataclass(frozen=True, slots=True)
class Told:
    """What came of showing something outside the outbox. later: certainly not shown, and may be tried again."""

    state: Literal["shown", "later", "refused"]
    after_s: float = 0.0
    """How long the provider asks to wait, where it does."""
    code: str = ""
    """Why not, in the provider's own word."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an installation carries: which account it connects, as whom, and with which rights. Tokens never print."""

    account_key: str
    """What events route by: the workspace's id, or the organisation's where all of it was granted."""
    token: str = field(repr=False)
    app_id: str | None = None
    bot_user_id: str | None = None
    account_name: str = ""
    enterprise_id: str | None = None
    """The organisation that the account belongs to, or is."""
    org_wide: bool = False
    """Whether it holds for every workspace of the organisation; `account_key` is the organisation's id then."""
    scopes: frozenset[str] | None = None
    """What was granted; None where nobody told."""
    refresh_token: str | None = field(default=None, repr=False)
    expires_in_s: float | None = None
    """For how long the token holds; None: until it is revoked."""
    business_account_id: str | None = None
    """What the provider calls the account that has the number, where the account is a number."""
    portfolio_id: str | None = None
    """The company that has the business account: its limits count over all its numbers."""
    phone_number: str | None = None
    """Digits only."""


@dataclass(frozen=True, slots=True)
class NotGranted:
    """Nothing was granted: `code` is the provider's own word, or ours for an answer that did not come."""

    code: str
    unknown: bool = False
    """Whether the provider may have granted it all the same: its answer was lost."""


@runtime_checkable
class Challenged(Protocol):
    """A channel whose provider asks by GET whether the webhook is ours. Nothing is signed there."""

    def challenge(self, query: Mapping[str, str]) -> Handshake:
        """Return the answer. Never raises. A secret in the query is compared in constant time; a wrong one gets 403."""


@runtime_checkable
class Filing(Protocol):
    """A channel that shows files: `Capabilities.files_out`."""

    def instead_of_file(self, text: str, target: Target) -> list[Part]:
        """Return the text messages in place of a file part of this text that cannot be shown. Pure."""


@runtime_checkable
class Judging(Protocol):
    """A channel that refuses some messages only after it has taken them: `Receipt.state` is "failed" then."""

    def judge(self, reason: str) -> Failed:
        """Return what the reason of such a receipt means. Pure; never raises."""


@runtime_checkable
class Installing(Protocol):
    """A channel whose accounts are connected by the provider's own page of consent."""

    @property
    def scopes(self) -> Mapping[str, str]:
        """The rights that are asked for, each with what it is for in plain words."""

    @property
    def can_install(self) -> bool:
        """Whether this house has an app at the provider, so that people can be sent to the page of consent."""

    def consent_url(self, state: str, redirect_uri: str) -> str:
        """Return the provider's page of consent, which leads back to `redirect_uri` with `state`."""

    async def exchange(self, code: str, redirect_uri: str) -> Grant | NotGranted:
        """Redeem the code that the page of consent gave. One call, never repeated: a code works once. Never raises for a
        provider's answer."""


@runtime_checkable
class Identifying(Protocol):
    """A channel that says whose a token is."""

    async def identify(self, token: str) -> Grant | str:
        """Return what the token stands for, as far as the provider tells, or its error code. Never raises for its answer."""


@runtime_checkable
class Revoking(Protocol):
    """A channel whose tokens can be taken back."""

    async def revoke(self, credential: Credential) -> str | None:
        """Let the provider forget the token; return None, or the code of why it did not. Never raises for its answer."""


@runtime_checkable
class FetchesMedia(Protocol):
    """A channel whose messages bring files."""

    async def fetch_media(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """Return the file that `parse` described, read up to `limit_bytes`. The token goes to the provider's own hosts only,
        and never along with a redirect. Never raises for a provider's answer."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as the channel shows them. `name` is None where nobody gave one."""

    name: str | None = field(repr=False)


@runtime_checkable
class KnowsPeople(Protocol):
    """A channel that tells what people are called."""

    @property
    def person_method(self) -> str:
        """The name of the method that is called, for its rate."""

    async def person(self, person_id: str, credential: Credential) -> Person | Retry | Failed:
        """Return who that is. One call. Never raises for a provider's answer."""


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new token, and what the next one is to be had for: the old refresh token is used up."""

    token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: float


RenewOutcome = Renewed | Retry | Unknown | Failed
"""`Retry` and `Failed`: the refresh token was not used. `Failed.account_broken`: it is good for nothing any more."""


@runtime_checkable
class Renewing(Protocol):
    """A channel whose tokens run out and are renewed."""

    async def renew(self, refresh_token: str, timeout_s: float) -> RenewOutcome:
        """Use the refresh token, which works once, in one call without any retry. Never raises for a provider's answer.

        `timeout_s` is also the latest moment at which the request may be written.
        """


@dataclass(frozen=True, slots=True)
class FormRead:
    """What a form says that a provider posted, and what the provider has to hear at once."""

    inbound: Sequence[Inbound]
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@runtime_checkable
class ReadsForms(Protocol):
    """A channel whose buttons, dialogs and commands arrive as forms, at addresses of their own."""

    def parse_form(self, body: bytes) -> FormRead:
        """Return what a verified form says. Raises ValueError, without content in its text, for any other form."""

    def is_check(self, body: bytes) -> bool:
        """Return whether `body` only asks whether somebody answers here; such a one need not be signed."""


@dataclass(frozen=True, slots=True)
class PrivateNote:
    """Something that one person alone sees. With `reply_url` it goes there, without a token; else, or where that is over, into
    the channel."""

    person_id: str
    text: str = field(repr=False)
    buttons: tuple[Button, ...] = ()
    reply_url: str | None = field(default=None, repr=False)
    replace: bool = False
    """Whether it takes the place of what the reply address belongs to; only there."""
    channel_id: str | None = None
    thread_id: str | None = None


@runtime_checkable
class RepliesPrivately(Protocol):
    """A channel in which one person can be told something that nobody else sees."""

    async def reply_privately(self, note: PrivateNote, credential: Credential) -> Told:
        """Show `note`. Never raises for a provider's answer."""


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog with one field for text. `context` comes back with what was entered, and is no proof of anything."""

    name: str
    title: str
    question: str
    field_name: str
    submit: str
    context: str = field(repr=False)
    placeholder: str = ""
    optional: bool = True
    longest: int = 2000


@runtime_checkable
class Dialogs(Protocol):
    """A channel that can ask a person in a dialog, right after they did something."""

    async def open_dialog(self, dialog: Dialog, trigger: str, credential: Credential) -> Told:
        """Open `dialog` with the ticket of what the person did. Never raises for a provider's answer."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it, as markdown."""

    title: str
    text: str = field(repr=False)
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """The employee's own page, as one person sees it."""

    title: str
    sections: tuple[Section, ...]


@runtime_checkable
class Homes(Protocol):
    """A channel in which the employee has a page of its own for each person."""

    async def show_home(self, home: Home, person_id: str, credential: Credential) -> Told:
        """Show `home` to the person, in place of what was there. Never raises for a provider's answer."""


@runtime_checkable
class Redraws(Protocol):
    """A channel in which our own message can be given other words, and loses its buttons by that."""

    async def redraw(self, channel_id: str, external_id: str, text: str, credential: Credential) -> Told:
        """Let our message `external_id` say `text`. The same again changes nothing. Never raises for a provider's answer."""


@runtime_checkable
class Suggesting(Protocol):
    """A channel that offers questions to whoever opens the employee's own place."""

    suggest_method: str
    """Which of the provider's methods it counts against."""

    async def suggest(self, channel_id: str, greeting: str, suggestions: Sequence[Suggestion], credential: Credential) -> bool:
        """Offer `suggestions` in a direct channel; return whether it worked. Best effort: never raises."""


@runtime_checkable
class Titling(Protocol):
    """A channel whose threads have titles."""

    title_method: str
    """Which of the provider's methods it counts against."""

    async def title(self, target: Target, title: str, credential: Credential) -> bool:
        """Name the thread; return whether it worked. Best effort: never raises."""
