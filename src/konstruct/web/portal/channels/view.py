"""What the channels' pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from konstruct.channels.accounts_status import AccountStatus
from konstruct.web.portal.charts import short_day

_NAMES = {"slack": "Slack", "whatsapp": "WhatsApp"}
_STATES = {"active": ("works", "ok"), "broken": ("does not work", "bad"), "disconnected": ("disconnected", "mute")}
_DAYS = {"active": "worked", "broken": "did not work", "disconnected": "was disconnected", None: "was not connected yet"}
_TOLD = {
    "connected": "Connected. Write to the employee there to see it answer.",
    "installed": "Added to Slack.",
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

    @property
    def name(self) -> str:
        """The channel's name."""
        return _NAMES.get(self.account.kind, self.account.kind.capitalize())

    @property
    def place(self) -> str:
        """What it is called there, or its id."""
        return self.account.account_name or self.account.external_id

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
        return _STATES[self.account.status]

    @property
    def told(self) -> str:
        """What was done; nothing for an unknown word, or where it is not so any more."""
        if self.done in ("paused", "resumed"):
            return _TOLD[self.done] if (self.account.paused_at is not None) == (self.done == "paused") else ""
        wanted = {"connected": "active", "installed": "active", "disconnected": "disconnected"}.get(self.done)
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

    @property
    def broken(self) -> int:
        """How many do not work."""
        return sum(each.account.status == "broken" for each in self.accounts)
