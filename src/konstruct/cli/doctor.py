"""`konstruct doctor`: every check against the live system, as a table or JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable

from konstruct.cli.checks import channels, database, engine, services
from konstruct.cli.checks.check import Check, System, Verdict
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.kit.log_errors import error_name
from konstruct.kit.redaction import redact_text
from konstruct.kit.settings import Settings

CHECK_S = 60.0
"""Longest time for one check; those that read tenant by tenant take the longest."""
_MARKS = {True: "ok", False: "FAIL", None: "-"}


def doctor(settings: Settings, as_json: bool) -> int:
    """Print the report to stdout; return 1 if any check is false, else 0."""
    checks = asyncio.run(run_checks(settings))
    if as_json:
        print(json.dumps([check.to_json() for check in checks], indent=2))
    else:
        print(_table(checks))
    return int(any(check.ok is False for check in checks))


async def run_checks(settings: Settings) -> list[Check]:
    """Return every check's result, in a fixed order. Never raises: a check that breaks is false and says why."""
    on_settings = {**services.CHECKS, **channels.SETTINGS_CHECKS}
    on_system = {**database.CHECKS, **channels.CHECKS, **engine.CHECKS}
    results = [_run(name, check(settings)) for name, check in on_settings.items()]
    try:
        db = await Database.open(settings, pool=4)
    except KonstructError as error:
        lost = [Check("database", False, redact_text(str(error)))]
        lost += [Check(name, None, "the database cannot be reached") for name in on_system]
        return [*lost, *await asyncio.gather(*results)]
    try:
        system = System(settings, db)
        found = await asyncio.gather(*(_run(name, check(system)) for name, check in on_system.items()), *results)
    finally:
        await db.close()
    return [Check("database", True, "both logins are accepted"), *found]


async def _run(name: str, work: Awaitable[Verdict]) -> Check:
    try:
        async with asyncio.timeout(CHECK_S):
            ok, evidence = await work
    except TimeoutError:
        return Check(name, False, "no answer in time")
    except KonstructError as error:
        return Check(name, False, redact_text(str(error)))
    except Exception as error:
        return Check(name, False, f"failed with {error_name(error)}")
    return Check(name, ok, redact_text(evidence))


def _table(checks: list[Check]) -> str:
    width = max(len(check.id) for check in checks)
    lines = [f"{_MARKS[check.ok]:<4}  {check.id:<{width}}  {check.evidence}" for check in checks]
    counts = {mark: sum(check.ok is ok for check in checks) for ok, mark in _MARKS.items()}
    return "\n".join([*lines, "", f"{counts['ok']} ok, {counts['FAIL']} failed, {counts['-']} not due or not applicable"])
