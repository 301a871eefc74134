"""A rule of the contract, and the list of them all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from konstruct.channels.port import Capabilities
from tests.channels.contract.harness import Harness

Check = Callable[[Harness], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Rule:
    """What an adapter must do. `check` raises AssertionError if it does not; each check gets a harness of its own."""

    name: str
    check: Check
    applies: Callable[[Capabilities], bool]
    slow: bool
    """It waits for something: it is not run with every broken adapter."""


RULES: dict[str, Rule] = {}


def rule(*, only: Callable[[Capabilities], bool] = lambda _caps: True, slow: bool = False) -> Callable[[Check], Check]:
    """Put the function into the list. `only`: for channels whose capabilities say so."""

    def enter(check: Check) -> Check:
        name = check.__name__
        assert name not in RULES
        RULES[name] = Rule(name, check, only, slow)
        return check

    return enter
