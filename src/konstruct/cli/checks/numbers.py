"""Checks of numbers that their provider rates: each is asked about, and how many people it may write to is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from konstruct.cli.checks.check import System, SystemCheck, Verdict, verdict
from konstruct.jobs import numbers_overview
from konstruct.jobs.numbers_overview import STALE_S, Asked

LOOKED_AT = 200
"""Of all numbers those that were asked about longest ago: if they are fresh, all are."""


async def quality_fresh(system: System) -> Verdict:
    """Every connected number was asked about within two hours."""
    numbers = await _numbers(system)
    if not numbers:
        return None, "no number is connected yet"
    late = datetime.now(UTC) - timedelta(seconds=STALE_S)
    problems = [
        f"number {each.account_id} of tenant {each.tenant_id} was "
        + (f"asked about last at {each.polled_at:%Y-%m-%d %H:%M} UTC" if each.polled_at else "never asked about")
        + (f": {each.poll_problem}" if each.poll_problem else "")
        for each in numbers
        if each.polled_at is None or each.polled_at < late
    ]
    return verdict(problems, f"the {len(numbers)} numbers that were asked about longest ago were within two hours")


async def tier_known(system: System) -> Verdict:
    """Of every connected number it is known to how many people it may write first."""
    numbers = await _numbers(system)
    if not numbers:
        return None, "no number is connected yet"
    problems = [
        f"number {each.account_id} of tenant {each.tenant_id} has no tier: it is treated as the lowest"
        for each in numbers
        if not each.tier_known
    ]
    return verdict(problems, f"the provider has told the tier of the {len(numbers)} numbers that were asked about longest ago")


async def _numbers(system: System) -> list[Asked]:
    async with system.db.fleet("doctor numbers") as session:
        return await numbers_overview.asked_least(session, LOOKED_AT)


CHECKS: dict[str, SystemCheck] = {"quality-fresh": quality_fresh, "tier-known": tier_known}
