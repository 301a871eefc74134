"""Checks of room: the disk, and tables that outgrow what they were planned for."""

from __future__ import annotations

import shutil

from konstruct.cli.checks import repository
from konstruct.cli.checks.check import System, SystemCheck, Verdict, verdict
from konstruct.jobs.gauges_repository import gauges

FREE_MIN = 1 << 30
"""Bytes that an embedded instance's disk must have left: a day's log and write-ahead log, and time to act."""
OVER_PLAN = 500_000
"""Rows by which a table may be larger than planned."""
PLAN = {
    # For good, or for as long as a business says: 2,000 businesses with 10,000 messages each.
    "messages": 20_000_000,
    "message_terms": 400_000_000,
    "conversations": 4_000_000,
    "contacts": 2_000_000,
    "conversation_events": 4_000_000,
    "turns": 10_000_000,
    "deliveries": 2_000_000,
    "delivery_archive": 20_000_000,
    "delivery_attempts": 10_000_000,
    "tool_calls": 5_000_000,
    "chunks": 10_000_000,
    "documents": 500_000,
    # For a bounded time: a month or so at 300,000 messages a day.
    "inbound_events": 10_000_000,
    "dedupe_keys": 15_000_000,
    "llm_calls": 10_000_000,
    "steps": 10_000_000,
    "usage_days": 5_000_000,
    "usage_conversations": 5_000_000,
    "ready_queue": 8_000_000,
}
"""Rows that each table is planned for; every other table for none, so that it is told at OVER_PLAN."""


async def disk(system: System) -> Verdict:
    """There is room where the embedded database writes."""
    async with system.db.fleet("doctor") as session:
        size = await repository.database_bytes(session)
    folder = system.settings.data_dir
    if folder is None:
        return None, f"the database holds {_mib(size)} MiB; its server's disk is not visible from here"
    free = shutil.disk_usage(folder).free
    told = f"{_mib(free)} MiB are free where the data folder is, {_mib(FREE_MIN)} at least; the database holds {_mib(size)} MiB"
    return free >= FREE_MIN, told


async def large_tables(system: System) -> Verdict:
    """No table is larger than it was planned for."""
    async with system.db.fleet("doctor") as session:
        found = {gauge.label: int(gauge.value) for gauge in await gauges(session) if gauge.name == "table_rows"}
    problems = [
        f"table {name} has about {rows} rows, planned are {PLAN.get(name, 0)}"
        for name, rows in sorted(found.items())
        if rows > PLAN.get(name, 0) + OVER_PLAN
    ]
    largest = max(found, key=lambda name: found[name], default="none")
    fine = f"{len(found)} tables are within their plan; the largest is {largest} with about {found.get(largest, 0)} rows"
    return verdict(problems, fine)


def _mib(size: int) -> int:
    return size >> 20


CHECKS: dict[str, SystemCheck] = {"disk": disk, "large-tables": large_tables}
