"""What the channels' pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from konstruct.channels.accounts_status import AccountStatus
from konstruct.channels.verifications_repository import Verification
from konstruct.db.session import Record
from konstruct.kit.channel_names import channel_name
from konstruct.web.portal.channels.signup_view import SignupView
from konstruct.web.portal.channels.verification_words import BADGES
from konstruct.web.portal.charts import short_day

_STATES = {"active": ("works", "ok"), "broken": ("does not work", "bad"), "disconnected": ("disconnected", "mute")}
_LEVELS = {
    "no_outreach": ("writes to nobody first", "warn"),
    "replies_only": ("replies only", "bad"),
    "suspended": ("suspended", "bad"),
}
_DAYS = {"active": "worked", "broken": "did not work", "disconnected": "was disconnected", None: "was not connected yet"}
_TOLD = {
    "connected": "Connected. Write to the employee there to see it answer.",
    "installed": "Connected.",
    "disconnected": "Disconnected. Its token is destroyed, and nothing comes in or goes out any more.",
    "paused": "Paused. What people ask is kept in the inbox, and they are told so once.",
    "resumed": "Resumed. What has waited is answered first.",
}


@dataclass(frozen=True, slots=True)
class StripDay:
    """A day of the strip."""

    x: int
    status: str
    title: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """An account, and what was just done with it."""

    account: AccountStatus
    done: str = ""
    can_install: bool = False
    """Whether it can be connected by a click."""
    wanted: Mapping[str, str] = field(default_factory=dict)
    """The rights that the employee uses, each with what it is for."""
    signup: SignupView | None = None
    """How it was connected, where that was by the provider's dialog."""
    acts: Sequence[Record] = ()
    """Who saw, or entered, its PIN."""
    verification: Verification | None = None
    """How its business stands at the provider, where that matters."""

    @property
    def name(self) -> str:
        """The channel's name."""
        return channel_name(self.account.kind)

    @property
    def place(self) -> str:
        """What it is called there, or its number, or its id."""
        return self.account.account_name or self.number or self.account.external_id

    @property
    def number(self) -> str:
        """The phone number, where it is one."""
        return f"+{self.account.phone_number}" if self.account.phone_number else ""

    @property
    def start(self) -> str:
        """Where it is connected by a click."""
        return f"/oauth/{self.account.kind}/start"

    @property
    def verified(self) -> tuple[str, str]:
        """(words, tone) of how the business stands at the provider."""
        return BADGES[self.verification.state if self.verification else "not_started"]

    @property
    def unfinished(self) -> SignupView | None:
        """What is missing before it can be used."""
        return self.signup if self.signup and not self.signup.done and self.account.status != "disconnected" else None

    @property
    def missing(self) -> Mapping[str, str]:
        """The rights that were not granted; none where nobody told what was."""
        granted = self.account.scopes
        if granted is None or self.account.status == "disconnected":
            return {}
        return {scope: purpose for scope, purpose in self.wanted.items() if scope not in granted}

    @property
    def just_installed(self) -> bool:
        """Whether to say what comes next."""
        return self.done in ("installed", "connected") and self.account.status == "active"

    @property
    def state(self) -> tuple[str, str]:
        """(words, tone) of its status."""
        if self.account.status == "active" and self.account.level != "open":
            return _LEVELS[self.account.level]
        return _STATES[self.account.status]

    @property
    def told(self) -> str:
        """What was done; nothing for an unknown word, or where it is not so any more."""
        if self.done in ("paused", "resumed"):
            return _TOLD[self.done] if (self.account.paused_at is not None) == (self.done == "paused") else ""
        wanted = {"connected": "active", "installed": "active", "disconnected": "disconnected"}.get(self.done)
        if self.done == "installed" and self.account.kind == "slack" and wanted == self.account.status:
            return "Added to Slack."
        return _TOLD[self.done] if wanted == self.account.status else ""

    @property
    def strip(self) -> list[StripDay]:
        """The last days, each a bar of 8 with a gap of 2."""
        return [
            StripDay(at * 10, day.status or "none", f"{short_day(day.day)}: {_DAYS[day.status]}")
            for at, day in enumerate(self.account.strip)
        ]

    @property
    def summary(self) -> str:
        """The strip in words."""
        bad = sum(day.status == "broken" for day in self.account.strip)
        return f"trouble on {bad} {'day' if bad == 1 else 'days'}" if bad else "no trouble"


@dataclass(frozen=True, slots=True)
class ChannelsView:
    """The list of channels."""

    accounts: Sequence[AccountView]
    can_install: bool = False
    can_sign_up: bool = False
    """Whether WhatsApp can be connected by a click."""
    signups: Sequence[SignupView] = ()
    """Numbers that are being connected, and belong to no account yet."""

    @property
    def whatsapp(self) -> tuple[str, str]:
        """(words, tone) of WhatsApp as a whole."""
        held = {each.account.status for each in self.accounts if each.account.kind == "whatsapp"}
        if "broken" in held:
            return "does not work", "bad"
        if "active" in held:
            return "connected", "ok"
        return ("ready", "info") if self.can_sign_up else ("not set up here", "mute")

    @property
    def broken(self) -> int:
        """How many do not work."""
        return sum(each.account.status == "broken" for each in self.accounts)
