"""Working hours in words and against the clock, over midnight and the change to summer time."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from konstruct.tenants import employees_hours
from konstruct.tenants.employees_hours import WorkingHours

SHOP = WorkingHours("Europe/Berlin", (*[("09:00", "17:30")] * 5, ("10:00", "14:00"), None))
BAR = WorkingHours("America/New_York", (None, None, None, None, ("20:00", "02:00"), ("20:00", "02:00"), None))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_equal_days_in_a_row_are_told_together() -> None:
    assert SHOP.lines() == ["Monday to Friday 09:00–17:30", "Saturday 10:00–14:00", "Sunday off"]
    assert BAR.lines() == ["Monday to Thursday off", "Friday to Saturday 20:00–02:00 (the next day)", "Sunday off"]


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        (SHOP, "2026-03-02T07:59", False),
        (SHOP, "2026-03-02T08:00", True),
        (SHOP, "2026-03-02T16:29", True),
        (SHOP, "2026-03-02T16:30", False),
        (SHOP, "2026-03-07T09:30", True),
        (SHOP, "2026-03-08T09:30", False),
        # The Monday after the clocks went forward: the same shop opens an hour earlier by UTC.
        (SHOP, "2026-03-30T07:00", True),
        (SHOP, "2026-03-30T06:59", False),
        (BAR, "2026-03-07T00:59", False),
        (BAR, "2026-03-07T01:00", True),
        (BAR, "2026-03-07T06:59", True),
        (BAR, "2026-03-07T07:00", False),
        # Saturday's night ends on Sunday, in the hour that the clocks leave out.
        (BAR, "2026-03-08T06:30", True),
        (BAR, "2026-03-08T07:30", False),
    ],
)
def test_open_or_not(hours: WorkingHours, moment: str, is_open: bool) -> None:
    assert hours.is_open(at(moment)) is is_open


@pytest.mark.parametrize(
    ("hours", "moment", "opens"),
    [
        (SHOP, "2026-03-02T05:00", "2026-03-02T08:00"),
        (SHOP, "2026-03-02T20:00", "2026-03-03T08:00"),
        (SHOP, "2026-03-07T20:00", "2026-03-09T08:00"),
        (SHOP, "2026-03-28T20:00", "2026-03-30T07:00"),
        (BAR, "2026-03-08T12:00", "2026-03-14T00:00"),
        (WorkingHours("UTC", (("08:00", "09:00"), *[None] * 6)), "2026-03-02T10:00", "2026-03-09T08:00"),
    ],
)
def test_when_it_opens_again(hours: WorkingHours, moment: str, opens: str) -> None:
    assert hours.opens(at(moment)) == at(opens)


@pytest.mark.parametrize("hours", [SHOP, BAR])
def test_what_is_stored_is_what_was_meant(hours: WorkingHours) -> None:
    assert employees_hours.from_json(hours.to_json()) == hours
    assert employees_hours.problem(hours) is None


def test_a_time_zone_that_is_gone_is_utc_and_no_error() -> None:
    lost = WorkingHours("Nowhere/City", SHOP.days)
    assert lost.is_open(at("2026-03-02T09:00"))
    assert not lost.is_open(at("2026-03-02T08:59"))
