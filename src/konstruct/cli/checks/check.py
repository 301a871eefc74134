"""A check, its verdict, and what the checks look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from konstruct.cli.checks.remedies import REMEDIES
from konstruct.db.database import Database
from konstruct.kit.settings import Settings

Verdict = tuple[bool | None, str]
"""Whether it holds (None: not due or not applicable yet), and the evidence in one line."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the doctor's report."""

    id: str
    ok: bool | None
    evidence: str

    @property
    def todo(self) -> str:
        """What to do when it is false."""
        return REMEDIES[self.id]

    def to_json(self) -> dict[str, object]:
        """Return the line as it stands in `konstruct doctor --json`."""
        return {"id": self.id, "ok": self.ok, "evidence": self.evidence, "todo": self.todo}


@dataclass(frozen=True, slots=True)
class System:
    """The live system: its settings, and its database if that could be reached."""

    settings: Settings
    db: Database


SystemCheck = Callable[[System], Awaitable[Verdict]]
SettingsCheck = Callable[[Settings], Awaitable[Verdict]]


def verdict(problems: list[str], fine: str) -> Verdict:
    """Return a verdict that holds if there are no problems; the evidence names the first of them and how many more."""
    if not problems:
        return True, fine
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return False, problems[0] + more
