"""Accounts that are connected by the provider's dialog on a page of ours, and what is looked after once they are.

The dialog gives the browser a code and some ids. The code is redeemed for a token; whether the ids are the token's is asked at
the provider: nothing that a browser says proves anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from konstruct.channels.port import Credential
from konstruct.channels.port_abilities import NotGranted


@dataclass(frozen=True, slots=True)
class SignupDialog:
    """What our page needs to open the provider's dialog. Nothing of it is secret."""

    script_url: str
    script_origin: str
    """What the page's policy lets in, beside our own."""
    dialog_origins: tuple[str, ...]
    """Whose messages the page believes, and whose frames it shows."""
    app_id: str
    config_id: str
    version: str
    """Of the provider's API."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a code was redeemed for."""

    token: str = field(repr=False)
    expires_in_s: float | None = None
    """None: until it is revoked, or nobody told."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a business account, as the provider shows it."""

    account_key: str
    """The provider's id of it."""
    phone_number: str | None = field(repr=False)
    """Digits only."""
    name: str = field(default="", repr=False)
    """The name that people see."""
    registered: bool = False
    """Whether it can send and receive already."""


@dataclass(frozen=True, slots=True)
class Business:
    """What a token really stands for."""

    business_account_id: str
    numbers: tuple[Number, ...]
    portfolio_id: str | None = None
    scopes: frozenset[str] | None = None
    expires_in_s: float | None = None
    """None: until it is revoked, or nobody told."""


NOT_COVERED = "not_covered"
"""The token is none for the business account that was named."""
SEVERAL = "several_accounts"
"""The token is for several business accounts, and none was named."""
WRONG_APP = "wrong_app"
"""The token was given to another app than this house's."""


@dataclass(frozen=True, slots=True)
class StepRefused:
    """A step that was not done: `code` is the provider's own word, or ours. unknown: it may have been done all the same."""

    code: str
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """What the provider says of a business's verification. `said` is its own word, of letters, digits and `_`."""

    state: Literal["not_started", "submitted", "approved", "rejected"]
    said: str


@dataclass(frozen=True, slots=True)
class NotTold:
    """The provider did not say. for_good: it will not, unless something changes: it may not be asked."""

    code: str
    for_good: bool = False
    token_over: bool = False
    """It says that the token itself is over; `code` is then one of `credentials.TOKEN_OVER`."""


@runtime_checkable
class SigningUp(Protocol):
    """A channel whose accounts are connected by the provider's dialog on a page of ours: `Capabilities.signup`."""

    @property
    def can_sign_up(self) -> bool:
        """Whether this house has an app at the provider whose dialog can be opened."""

    def dialog(self) -> SignupDialog:
        """Return what the page needs. Only where `can_sign_up`."""

    async def redeem(self, code: str) -> Redeemed | NotGranted:
        """Redeem the code that the dialog gave. One call, never repeated: a code works once. Never raises for an answer."""

    async def examine(self, token: str, wanted: str | None) -> Business | NotGranted:
        """Ask what the token stands for: the business account `wanted` if it covers that, or the only one that it covers.

        Reads only, so it may be repeated. Never raises for a provider's answer.
        """

    async def subscribe(self, business_account_id: str, token: str) -> StepRefused | None:
        """Let the provider deliver here what happens in the business account. Twice is as once."""

    async def register(self, account_key: str, pin: str, token: str) -> StepRefused | None:
        """Register the number with its PIN of two-step verification. The same PIN twice is as once."""


@runtime_checkable
class Watched(Protocol):
    """A channel whose accounts are looked after: when their token ends, and whether the business is verified."""

    async def portfolio_of(self, credential: Credential) -> str | NotTold | None:
        """Return the company behind the account's business account; None where it has none. Never raises for an answer."""

    async def lifetime(self, token: str) -> float | NotTold | None:
        """Return in how many seconds the token ends, None for never. Never raises for an answer."""

    async def verification(self, portfolio_id: str, token: str) -> Verified | NotTold:
        """Return whether the provider has verified the company. Never raises for an answer."""

    async def delivered_here(self, credential: Credential) -> bool | NotTold:
        """Return whether the provider delivers here what happens in the account's business account."""


def chosen(numbers: Sequence[Number], wanted: str | None) -> Number | None:
    """Return the number that is wanted, or the only one there is; None where that is no answer."""
    if wanted is not None:
        return next((each for each in numbers if each.account_key == wanted), None)
    return numbers[0] if len(numbers) == 1 else None
