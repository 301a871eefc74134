"""What the pages show of a number that is being connected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from konstruct.channels.port_signup import Number, SignupDialog
from konstruct.channels.signups_repository import Signup
from konstruct.web.portal.channels.signup_words import Missing, missing


@dataclass(frozen=True, slots=True)
class StartView:
    """The page on which the dialog opens."""

    dialog: SignupDialog
    state: str
    again: bool
    """Whether the business has connected a number already."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of connecting, and how it stands."""

    title: str
    text: str
    state: Literal["done", "now", "next"]


@dataclass(frozen=True, slots=True)
class SignupView:
    """A number that is being connected."""

    signup: Signup

    @property
    def done(self) -> bool:
        """Whether everything is."""
        return self.signup.done_at is not None

    @property
    def missing(self) -> Missing:
        """What keeps it from going on."""
        return missing(self.signup.problem)

    @property
    def numbers(self) -> Sequence[Number]:
        """To choose from."""
        return self.signup.numbers if self.missing.asks == "number" else ()

    @property
    def steps(self) -> list[Step]:
        """All of them, in order."""
        held = self.signup
        known = (
            ("Approved at Meta", "Meta gave your employee access.", True),
            ("Number found", "Meta confirms that the number is yours.", held.account_id is not None),
            ("Messages come here", "Meta delivers what people write to the number.", held.subscribed_at is not None),
            ("Number registered", "The number can send and receive.", held.registered_at is not None),
        )
        steps: list[Step] = []
        for title, text, done in known:
            waits = any(step.state != "done" for step in steps)
            steps.append(Step(title, text, "done" if done else "next" if waits else "now"))
        return steps
