"""The form of the employee: its fields as they were typed, and the draft that they make."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Self
from zoneinfo import available_timezones

from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_hours import WEEKDAYS, Span, WorkingHours
from konstruct.tenants.employees_repository import Employee

_EMPTY: Span = ("", "")
_USUAL: tuple[Span, ...] = (*[("09:00", "17:00")] * 5, _EMPTY, _EMPTY)
"""What the form offers to whoever has no hours yet."""
_COMMA = re.compile(r"[,;\n]")
_VERSION = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Fields:
    """What stands in the form. What somebody typed is shown again as it was, whatever is wrong with it."""

    based_on: int
    """The version that the form was filled from."""
    name: str
    tone: str
    tone_note: str = field(repr=False)
    instructions: str = field(repr=False)
    speaks: str
    """`any`: the language of the person who asks; `listed`: those in `languages`."""
    languages: str
    works: str
    """`always`, or `hours`: those in `days`."""
    time_zone: str
    days: tuple[Span, ...]
    outside_hours: str = field(repr=False)
    must_not: str = field(repr=False)
    policy: str = field(repr=False)
    note: str = field(default="", repr=False)

    @classmethod
    def of(cls, employee: Employee) -> Self:
        """Return the form filled from what is in force."""
        version, draft = employee.current, employee.current.draft
        # Everybody's time zone is UTC until they say so: no news of where they are.
        known = "" if employee.time_zone == "UTC" else employee.time_zone
        return cls(
            based_on=version.number,
            name=draft.name,
            tone=draft.tone,
            tone_note=draft.tone_note,
            instructions=draft.instructions,
            speaks="listed" if draft.languages else "any",
            languages=", ".join(draft.languages),
            works="hours" if draft.hours else "always",
            time_zone=draft.hours.time_zone if draft.hours else known,
            days=tuple(day or _EMPTY for day in draft.hours.days) if draft.hours else _USUAL,
            outside_hours=draft.outside_hours,
            must_not=draft.must_not,
            policy=draft.policy,
        )

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> Self:
        """Return the form as a browser sent it; what is missing is empty."""
        based_on = form.get("based_on", "")
        return cls(
            based_on=int(based_on) if _VERSION.fullmatch(based_on) else 0,
            name=form.get("name", ""),
            tone=form.get("tone", "neutral"),
            tone_note=form.get("tone_note", ""),
            instructions=form.get("instructions", ""),
            speaks=form.get("speaks", "any"),
            languages=form.get("languages", ""),
            works=form.get("works", "always"),
            time_zone=form.get("time_zone", ""),
            days=tuple((form.get(f"from_{n}", ""), form.get(f"to_{n}", "")) for n in range(len(WEEKDAYS))),
            outside_hours=form.get("outside_hours", ""),
            must_not=form.get("must_not", ""),
            policy=form.get("policy", ""),
            note=form.get("note", ""),
        )

    def draft(self) -> Draft:
        """Return what the form says of the employee."""
        return Draft(
            name=self.name,
            instructions=self.instructions,
            tone=self.tone,
            tone_note=self.tone_note,
            languages=tuple(_COMMA.split(self.languages)) if self.speaks == "listed" else (),
            hours=WorkingHours(self.time_zone, tuple(_span(day) for day in self.days)) if self.works == "hours" else None,
            outside_hours=self.outside_hours if self.works == "hours" else "",
            must_not=self.must_not,
            policy=self.policy,
        ).tidy()


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names that the form offers: cities, and UTC."""
    groups = ("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Indian/", "Pacific/")
    return ("UTC", *sorted(name for name in available_timezones() if name.startswith(groups)))


def _span(day: Span) -> Span | None:
    # Browsers send seconds where the step of a time field asks for them.
    begins, ends = (time.strip()[:5] for time in day)
    return (begins, ends) if begins or ends else None
