"""What some channels can do besides the core of the port: small protocols, and the values that cross them.

`Capabilities` says which of them an adapter has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from konstruct.channels.port import Credential, Target
from konstruct.conversations.suggestion import Suggestion


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


@dataclass(frozen=True, slots=True)
class NotGranted:
    """Nothing was granted: `code` is the provider's own word, or ours for an answer that did not come."""

    code: str
    unknown: bool = False
    """Whether the provider may have granted it all the same: its answer was lost."""


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
