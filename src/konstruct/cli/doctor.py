"""`konstruct doctor`: every check against the live system, as a table or JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Collection

from konstruct.cli.checks import (
    channels,
    consent,
    database,
    engine,
    failing_model,
    numbers,
    services,
    slack_app,
    space,
    tokens,
    webhooks,
    whatsapp,
    work,
)
from konstruct.cli.checks.check import Check, System, Verdict
from konstruct.cli.checks.remedies import REMEDIES
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.kit.log_errors import error_name
from konstruct.kit.redaction import redact_text
from konstruct.kit.settings import Settings

CHECK_S = 60.0
"""Longest time for one check; those that read tenant by tenant, a sample of them, take the longest."""
ON_SETTINGS = {
    **services.CHECKS,
    **work.SETTINGS_CHECKS,
    **channels.SETTINGS_CHECKS,
    **webhooks.SETTINGS_CHECKS,
    **slack_app.SETTINGS_CHECKS,
    **whatsapp.SETTINGS_CHECKS,
}
"""Checks that need no database."""
ON_SYSTEM = {
    **database.CHECKS,
    **channels.CHECKS,
    **webhooks.CHECKS,
    **slack_app.CHECKS,
    **whatsapp.CHECKS,
    **numbers.CHECKS,
    **engine.CHECKS,
    **work.CHECKS,
    **failing_model.CHECKS,
    **consent.CHECKS,
    **tokens.CHECKS,
    **space.CHECKS,
}
DATABASE = "database"
_MARKS = {True: "ok", False: "FAIL", None: "-"}


def doctor(settings: Settings, as_json: bool, only: Collection[str]) -> int:
    """Print the report to stdout; return 1 if any check is false, else 0. `only` names the checks to make; none means all."""
    checks = asyncio.run(run_checks(settings, only))
    if as_json:
        print(json.dumps([check.to_json() for check in checks], indent=2))
    else:
        print(_table(checks))
    return int(any(check.ok is False for check in checks))


async def run_checks(settings: Settings, only: Collection[str] = ()) -> list[Check]:
    """Return the result of every check, or of `only` these, in a fixed order. A check that breaks is false and says why.

    Raises KonstructError for the name of no check.
    """
    for name in only:
        if name not in REMEDIES:
            raise KonstructError(f"there is no check {name!r}: `konstruct doctor` lists them")
    on_settings = {name: check for name, check in ON_SETTINGS.items() if not only or name in only}
    on_system = {name: check for name, check in ON_SYSTEM.items() if not only or name in only}
    results = [_run(name, check(settings)) for name, check in on_settings.items()]
    if not on_system and only and DATABASE not in only:
        return list(await asyncio.gather(*results))
    try:
        db = await Database.open(settings, pool=4)
    except KonstructError as error:
        lost = [Check(DATABASE, False, redact_text(str(error)))]
        lost += [Check(name, None, "the database cannot be reached") for name in on_system]
        return [*lost, *await asyncio.gather(*results)]
    try:
        system = System(settings, db)
        found = await asyncio.gather(*(_run(name, check(system)) for name, check in on_system.items()), *results)
    finally:
        await db.close()
    return [Check(DATABASE, True, "both logins are accepted"), *found]


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
    lines = []
    for check in checks:
        lines.append(f"{_MARKS[check.ok]:<4}  {check.id:<{width}}  {check.evidence}")
        if check.ok is False:
            lines.append(f"      {'':<{width}}  → {check.todo}")
    counts = {mark: sum(check.ok is ok for check in checks) for ok, mark in _MARKS.items()}
    return "\n".join([*lines, "", f"{counts['ok']} ok, {counts['FAIL']} failed, {counts['-']} not due or not applicable"])
