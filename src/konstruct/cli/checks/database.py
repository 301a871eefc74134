"""Checks of the database: roles, row-level security, versions, migrations, upkeep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from konstruct.cli.checks import repository
from konstruct.cli.checks.check import System, SystemCheck, Verdict, verdict
from konstruct.db import catalogue, selftest
from konstruct.db.maintenance import TABLES

DEDUPE_DAYS = 15
"""Dedupe keys are kept 14 days and pruned nightly."""
RETENTION_SLACK = timedelta(days=3)
"""The job runs daily; a long reader may hold it up once or twice."""
SKEW_S = 5.0
"""Leases use the database's clock alone; signatures are checked by the host's, within 300 s."""


async def roles(system: System) -> Verdict:
    """Every login is ordinary, different, and confined; the maintenance one too, if this command has it."""
    problems = await selftest.logins(system.db)
    owner_url = system.settings.owner_database_url
    if owner_url is None:
        return verdict(problems, "the app and fleet logins are two ordinary roles that own nothing")
    problems += await selftest.maintenance_login(owner_url.get_secret_value())
    return verdict(
        problems, "the app and fleet logins are ordinary roles that own nothing; maintenance may only become the owner"
    )


async def unscoped_read(system: System) -> Verdict:
    """A query without a tenant raises."""
    if not await repository.tenant_count(system.db):
        return None, "no tenant yet: an empty table proves nothing"
    return verdict(await selftest.unscoped_problems(system.db), "a read of tenants without a tenant was refused")


async def rls_forced(system: System) -> Verdict:
    """Row-level security is on and forced everywhere."""
    async with system.db.unscoped() as session:
        return verdict(await catalogue.forced_problems(session), "on and forced on every table")


async def policies(system: System) -> Verdict:
    """Every table carries exactly its template policies."""
    async with system.db.unscoped() as session:
        return verdict(await catalogue.policy_problems(session), "every table carries exactly the template")


async def server_version(system: System) -> Verdict:
    """The server is new enough."""
    async with system.db.unscoped() as session:
        return verdict(await catalogue.server_problems(session), "PostgreSQL 18 or newer")


async def extension(system: System) -> Verdict:
    """Pgvector is there and new enough."""
    async with system.db.unscoped() as session:
        return verdict(await catalogue.extension_problems(session), "pgvector 0.8 or newer")


async def migrations(system: System) -> Verdict:
    """The database is at this code's revision."""
    async with system.db.unscoped() as session:
        return verdict(await catalogue.migration_problems(session), f"at {catalogue.needed_revision()}, the newest")


async def partitions(system: System) -> Verdict:
    """Next month's partitions exist."""
    async with system.db.fleet("doctor") as session:
        missing = await repository.missing_partitions(session)
        count = await repository.partitioned_count(session)
    problems = [f"table {name} has no partition for next month: does the beat run?" for name in missing]
    return verdict(problems, f"{count} partitioned tables are ready for next month")


async def retention(system: System) -> Verdict:
    """Months that are older than their table's age are gone."""
    async with system.db.fleet("doctor") as session:
        months = await repository.partition_months(session)
        now = await repository.server_time(session)
    problems = []
    for table, kept in TABLES.items():
        # A month goes whole, once its last day is old enough, at the next run of a daily job.
        late = [name for name, ended in months.get(table, ()) if now - ended > kept.age + RETENTION_SLACK]
        problems += [f"the month {name} of {table} is kept beyond {kept.age.days} days" for name in late]
    ages = ", ".join(f"{table} {kept.age.days} days" for table, kept in TABLES.items())
    return verdict(problems, f"no month is older than it may be: {ages}")


async def dedupe_pruned(system: System) -> Verdict:
    """Old dedupe keys are gone."""
    async with system.db.fleet("doctor") as session:
        days = await repository.oldest_dedupe_days(session)
    if days is None or days < 1:
        return None, "no dedupe key is old enough to tell"
    return days <= DEDUPE_DAYS, f"the oldest dedupe key is {days:.1f} days old, {DEDUPE_DAYS} at most"


async def clock_skew(system: System) -> Verdict:
    """This host's clock and the database's agree."""
    async with system.db.fleet("doctor") as session:
        before = datetime.now(UTC)
        server = await repository.server_time(session)
        after = datetime.now(UTC)
    skew = abs((server - (before + (after - before) / 2)).total_seconds())
    return skew <= SKEW_S, f"host and database differ by {skew:.3f} s, {SKEW_S:g} s at most"


CHECKS: dict[str, SystemCheck] = {
    "server-version": server_version,
    "extension": extension,
    "migrations": migrations,
    "roles": roles,
    "rls-forced": rls_forced,
    "policies": policies,
    "unscoped-read": unscoped_read,
    "partitions": partitions,
    "retention": retention,
    "dedupe-pruned": dedupe_pruned,
    "clock-skew": clock_skew,
}
