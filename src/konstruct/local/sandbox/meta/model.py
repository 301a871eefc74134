"""What the simulated Meta consists of. Times are simulated Unix seconds, unless it says otherwise."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

UNLIMITED = -1
TIERS = {250: "TIER_250", 2_000: "TIER_2K", 10_000: "TIER_10K", 100_000: "TIER_100K", UNLIMITED: "TIER_UNLIMITED"}
"""How many people a portfolio may write to first in 24 hours, as the Graph API names it."""
QUALITIES = ("GREEN", "YELLOW", "RED", "UNKNOWN")
STATUSES = ("CONNECTED", "PENDING", "FLAGGED", "RESTRICTED", "RATE_LIMITED", "BANNED", "DISCONNECTED", "DELETED")
VERIFICATIONS = ("not_verified", "pending", "verified", "rejected", "failed", "expired", "revoked")
TEMPLATE_STATES = ("PENDING", "APPROVED", "REJECTED", "PAUSED", "DISABLED", "IN_APPEAL", "PENDING_DELETION")
State = Literal["accepted", "sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """A business at Meta. What it may do counts over all of its numbers."""

    business_id: str
    name: str
    about: str
    tint: int
    verification: str = "not_verified"
    tier: int = 250


@dataclass(frozen=True, slots=True)
class BusinessAccount:
    """A WhatsApp Business Account (WABA) of a portfolio."""

    waba_id: str
    business_id: str
    name: str
    subscribed: bool = False
    """Whether the app hears of what happens there."""


@dataclass(frozen=True, slots=True)
class Number:
    """A business's phone number."""

    phone_number_id: str
    waba_id: str
    digits: str
    verified_name: str
    quality: str = "UNKNOWN"
    status: str = "PENDING"
    name_status: str = "APPROVED"
    throughput: str = "STANDARD"
    pin: str | None = None
    """Of two-step verification, once it is registered."""

    @property
    def display(self) -> str:
        """Return the number as people write it."""
        return written(self.digits)


@dataclass(frozen=True, slots=True)
class Phone:
    """The phone of an invented person."""

    phone_id: str
    name: str
    digits: str
    tint: int
    about: str = ""
    username: str | None = None
    shows_number: bool = True
    """Whether businesses see the number, or only an id of their own for this person."""
    moved: int = 0
    """How often the number was changed."""

    def user_id(self, business_id: str) -> str:
        """Return the id under which a portfolio knows this person: another one for each portfolio, and for each number."""
        digest = hashlib.sha256(f"{business_id} {self.phone_id} {self.moved}".encode()).digest()
        return f"{country(self.digits)}.{int.from_bytes(digest[:7], 'big'):017d}"


@dataclass(frozen=True, slots=True)
class Chat:
    """What lies between a phone and a business's number."""

    phone_id: str
    phone_number_id: str
    window_until: float = 0.0
    blocked: bool = False
    marketing_stopped: bool = False
    typing_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Note:
    """One message between a phone and a number. `content` is what stands in the wire's object of its type."""

    id: int
    wamid: str
    phone_id: str
    phone_number_id: str
    from_business: bool
    type: str
    content: dict[str, Any]
    at: float
    """Real Unix seconds."""
    state: State
    context: str | None = None
    """The wamid of the message that it quotes."""
    edited: bool = False
    deleted: bool = False
    reaction: str = ""
    """The other side's emoji."""
    opaque: str | None = field(default=None, repr=False)
    """`biz_opaque_callback_data`."""
    category: str = "service"
    billed: bool = True
    forwarded: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A message template of a business account."""

    template_id: str
    waba_id: str
    name: str
    language: str
    category: str
    status: str
    components: tuple[dict[str, Any], ...]
    reason: str = "NONE"
    quality: str = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file at Meta, without its bytes."""

    media_id: str
    phone_number_id: str
    mime_type: str
    name: str
    sha256: str
    """Of its bytes, in hexadecimal."""
    size: int
    made_at: float


def new_wamid(digits: str, *, outgoing: bool) -> str:
    """Return a message id in Meta's form: base64 over the person's number and random bytes."""
    mark = b"\x15\x02\x00\x11\x18" if outgoing else b"\x15\x02\x00\x12\x18"
    body = b"\x1d\x18" + bytes([len(digits)]) + digits.encode() + mark + secrets.token_hex(10).upper().encode() + b"\x00"
    return "wamid." + base64.b64encode(body).decode()


def new_id() -> str:
    """Return a number as Meta gives its objects."""
    return f"{10**14 + secrets.randbelow(9 * 10**14)}"


_COUNTRIES = {
    "1": "US",
    "20": "EG",
    "33": "FR",
    "34": "ES",
    "44": "GB",
    "46": "SE",
    "49": "DE",
    "55": "BR",
    "91": "IN",
    "972": "IL",
}


def country(digits: str) -> str:
    """Return the country of a number, as far as the sandbox knows any."""
    return next((code for prefix, code in _COUNTRIES.items() if digits.startswith(prefix)), "US")


def written(digits: str) -> str:
    """Return digits as people write a number."""
    prefix = next((each for each in sorted(_COUNTRIES, key=len, reverse=True) if digits.startswith(each)), digits[:2])
    rest = digits[len(prefix) :]
    groups = [rest[at : at + 4] for at in range(0, len(rest), 4)]
    if len(groups) > 1 and len(groups[-1]) < 3:
        groups[-2:] = [groups[-2] + groups[-1]]
    return f"+{prefix} {' '.join(groups)}"
