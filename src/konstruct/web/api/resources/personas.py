"""What an employee is told, as bodies of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_hours import WorkingHours
from konstruct.tenants.employees_repository import Version
from konstruct.web.api.models import Body, example

_HOURS: dict[str, Any] = {
    "time_zone": "Europe/Berlin",
    "days": [{"from": "09:00", "to": "17:00"}] * 5 + [None, None],
}
_TOLD: dict[str, Any] = {
    "name": "Ada", "instructions": "You help the customers of Alpha Bikes with repairs and orders.", "tone": "warm",
    "tone_note": "", "languages": ["German", "English"], "working_hours": _HOURS,
    "outside_hours": "The workshop opens again at nine.", "must_not": "promise a delivery date", "policy": "",
    "note": "Opening hours added",
}  # fmt: skip


class Day(Body):
    """When the people of the business are at work on a day. An end that is not later is on the next day."""

    model_config = ConfigDict(
        extra="forbid", populate_by_name=True, json_schema_extra={"examples": [{"from": "09:00", "to": "17:00"}]}
    )

    begins: str = Field(alias="from", max_length=5, description="HH:MM on the wall clock.")
    ends: str = Field(alias="to", max_length=5, description="HH:MM on the wall clock.")


class Hours(Body):
    """When a colleague can be reached."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_HOURS]})

    time_zone: str = Field(max_length=100, description="A name of the IANA time zone database.")
    days: list[Day | None] = Field(min_length=7, max_length=7, description="Monday first; null for a day off.")


class Told(BaseModel):
    """What an employee is told."""

    name: str = Field(description="What it is called.")
    instructions: str = Field(description="What it is there for, and how it does that.")
    tone: Literal["warm", "neutral", "formal", "brief"] = "neutral"
    tone_note: str = Field(default="", description="More about the tone.")
    languages: list[str] = Field(default=[], description="In the order of preference; none: the language of who asks.")
    working_hours: Hours | None = Field(default=None, description="null: always.")
    outside_hours: str = Field(default="", description="What to tell people outside of the working hours.")
    must_not: str = Field(default="", description="What it must not do, one thing a line.")
    policy: str = Field(default="", description="Further rules, word for word.")
    note: str = Field(default="", description="What this version changes, for the list of versions.")


class NewPersonaVersion(Told, Body):
    """What the employee is to be told from now on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"based_on": 2, **_TOLD}]})

    based_on: int = Field(ge=1, lt=2**31, description="The version that you began with.")

    def draft(self) -> Draft:
        """Return it as the employee's service takes it."""
        hours = self.working_hours
        return Draft(
            name=self.name,
            instructions=self.instructions,
            tone=self.tone,
            tone_note=self.tone_note,
            languages=tuple(self.languages),
            hours=WorkingHours(hours.time_zone, tuple((day.begins, day.ends) if day else None for day in hours.days))
            if hours
            else None,
            outside_hours=self.outside_hours,
            must_not=self.must_not,
            policy=self.policy,
        )


class PersonaVersion(Told):
    """A version of what the employee was told. It never changes."""

    model_config = example(version=3, in_force=True, changed_at="2026-03-01T09:00:00Z", changed_by="Pat Doe", **_TOLD)

    version: int
    in_force: bool = Field(description="Whether it is the one the employee answers with now.")
    changed_at: datetime
    changed_by: str = Field(description="Who saved it; empty for the first.")

    @classmethod
    def of(cls, version: Version, in_force: int) -> Self:
        """Return a version as the API shows it."""
        draft = version.draft
        return cls(
            version=version.number,
            in_force=version.number == in_force,
            changed_at=version.changed_at,
            changed_by=version.changed_by_name,
            name=draft.name,
            instructions=draft.instructions,
            tone=draft.tone,  # type: ignore[arg-type]  # the column's CHECK has the same four
            tone_note=draft.tone_note,
            languages=list(draft.languages),
            working_hours=_hours(draft.hours),
            outside_hours=draft.outside_hours,
            must_not=draft.must_not,
            policy=draft.policy,
            note=version.note,
        )


def _hours(hours: WorkingHours | None) -> Hours | None:
    if hours is None:
        return None
    days = [Day.model_validate({"from": day[0], "to": day[1]}) if day else None for day in hours.days]
    return Hours(time_zone=hours.time_zone, days=days)
