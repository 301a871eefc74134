"""An adapter with its provider's double: all that a rule sees of a channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import UUID

from konstruct.channels.port import Capabilities, ChannelAdapter, Credential, Failed, Post, SendOutcome, Target
from konstruct.conversations.part import Button
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7

NOW = 1_790_000_000.0
"""When signed requests arrive."""
SEND_S = 10.0
HANG_S = 1.5


class Provider(Protocol):
    """The provider's double. It is as strict as the provider, and can break in each of the ways of `rules_sending.FAULTS`."""

    def shown(self) -> int:
        """How many messages are visible, over all accounts."""

    def asked(self) -> int:
        """How many requests arrived."""

    def fault(self, name: str) -> None:
        """Fail in this way from now on."""

    def mend(self) -> None:
        """Fail no more."""

    def trace(self, credential: Credential) -> Sequence[UUID]:
        """The deliveries whose ids came along with visible messages of the account, in order."""

    def seen(self, credential: Credential) -> Sequence[str]:
        """The texts of the account's visible messages, in order."""

    def buttons(self, credential: Credential) -> Sequence[Sequence[str]]:
        """The labels of the buttons below each visible message."""

    def lists(self, credential: Credential) -> Sequence[Sequence[str]]:
        """The rows of the list below each visible message, as they are read."""

    def files(self, credential: Credential) -> Sequence[bytes]:
        """What the account's visible files hold."""

    def signs(self) -> int:
        """How often the sign of work was asked for."""

    async def down(self) -> None:
        """Be gone: nobody listens any more."""


@dataclass
class Bodies:
    """Signed bodies of the first account. None: the channel has no such thing."""

    message: Callable[[str], bytes]
    own: Callable[[str], bytes]
    """What the employee itself said, as the provider shows it."""
    unknown: bytes
    """In the provider's form, and of a type of tomorrow."""
    echo: Callable[[UUID], bytes] | None = None
    handshake: tuple[bytes, bytes] | None = None
    """A verification request that is posted, and what it must be answered with."""
    challenge: tuple[Mapping[str, str], Mapping[str, str], bytes] | None = None
    """A right query, a wrong one, and the answer to the right one."""
    events: Mapping[str, bytes] = field(default_factory=dict)
    """By the name of the event (see `port_events.KINDS`)."""
    forms: Mapping[str, bytes] = field(default_factory=dict)
    """The same, of what comes as a form (see `ReadsForms`)."""
    attachment: bytes | None = None
    """A message with one file called notes.txt."""


@dataclass
class Harness:
    """One channel under test: an adapter, its provider, two tenants' accounts."""

    adapter: ChannelAdapter
    provider: Provider
    sign: Callable[[bytes, float], dict[str, str]]
    bodies: Bodies
    credentials: tuple[Credential, Credential]
    targets: tuple[Target, Target]
    """A person, or a thread, of each account."""
    given: Callable[[str | None], tuple[Mapping[str, Any], bytes]] | None = None
    """A file that a person of the first account has sent, as `parse` describes it, and what it holds. Given an address, its
    download leads there."""
    template: TemplateUse | None = None
    """One that the provider has approved for the first account."""
    late: tuple[str, Failed] | None = None
    """The reason of a receipt that says `failed`, and what the provider means by it."""
    close_window: Callable[[], None] | None = None
    """Let the last word of every person be older than the channel's window."""

    @property
    def caps(self) -> Capabilities:
        """What the adapter says of its channel."""
        return self.adapter.caps

    def post(self, text: str = "hello", tenant: int = 0, buttons: tuple[Button, ...] = ()) -> Post:
        """Return a post to a tenant's target."""
        return Post(uuid7(), self.targets[tenant], text, buttons=buttons)

    async def send(self, post: Post | None = None, tenant: int = 0, timeout_s: float = SEND_S) -> SendOutcome:
        """Send with a tenant's credential."""
        return await self.adapter.send(post or self.post(tenant=tenant), self.credentials[tenant], timeout_s)


def credential(account_key: str, token: str) -> Credential:
    """Return a credential of a tenant of its own."""
    return Credential(TenantScope(uuid7()), uuid7(), account_key, token)
