"""Checks of the engine: processes, queue, leases, deliveries, dead letters."""

from __future__ import annotations

from konstruct.cli.checks import repository
from konstruct.cli.checks.check import System, SystemCheck, Verdict
from konstruct.jobs.gauges_repository import gauges
from konstruct.jobs.workers_repository import ALIVE_S, list_workers

QUEUE_AGE_S = 60.0
"""A conversation due for longer has no worker, or too few of them."""


async def worker(system: System) -> Verdict:
    """A worker is alive."""
    return await _process(system, "worker")


async def beat(system: System) -> Verdict:
    """The beat is alive."""
    return await _process(system, "beat")


async def queue_age(system: System) -> Verdict:
    """Nothing waits for long."""
    async with system.db.fleet("doctor") as session:
        found = await gauges(session)
    oldest = max((gauge.value for gauge in found if gauge.name == "queue_age_s"), default=0.0)
    waiting = sum(int(gauge.value) for gauge in found if gauge.name == "queue_ready")
    return oldest <= QUEUE_AGE_S, f"{waiting} conversations wait, the oldest is due for {oldest:.1f} s, {QUEUE_AGE_S:g} s at most"


async def leases(system: System) -> Verdict:
    """No lease is over its time."""
    async with system.db.fleet("doctor") as session:
        found = await gauges(session)
    expired = sum(int(gauge.value) for gauge in found if gauge.name == "leases_expired")
    return expired == 0, f"{expired} leases are over their time by 10 s or more"


async def deliveries(system: System) -> Verdict:
    """No delivery is stuck."""
    sample = await repository.sample(system.db)
    stuck = 0
    for scope in sample:
        async with system.db.tenant(scope) as session:
            stuck += await repository.stuck_deliveries(session)
    async with system.db.fleet("doctor") as fleet:
        counted = await repository.overdue_unknown(fleet)
    told = f"{stuck} deliveries of {len(sample)} tenants stand in sending or unknown for too long"
    return stuck + counted == 0, f"{told}; {counted} tenants of all have one in unknown, as counted last"


async def dead_letters(system: System) -> Verdict:
    """Nobody waits for an answer that will not come."""
    async with system.db.fleet("doctor") as session:
        letters, tenants = await repository.open_dead_letters(session)
    return letters == 0, f"{letters} dead letters of {tenants} tenants are unresolved"


async def unrouted(system: System) -> Verdict:
    """Events without a tenant: a stranger's are none of our business; those of a customer under another app get lost."""
    async with system.db.fleet("doctor") as session:
        count, wrong_app = await repository.unrouted(session)
    if wrong_app:
        return False, f"{wrong_app} deliveries for connected accounts came from another app than theirs, and were dropped"
    if count:
        return None, f"{count} deliveries for accounts that nobody connected, seen again in the last day"
    return True, "every delivery of the last day found its tenant"


async def _process(system: System, kind: str) -> Verdict:
    async with system.db.fleet("doctor") as session:
        known = await list_workers(session, kind)
    alive = [one for one in known if one.alive]
    if not known:
        return False, f"no {kind} has ever said that it lives: start `konstruct {kind}`"
    told = f"{len(alive)} of kind {kind} alive; the last heartbeat is {known[0].age_s:.0f} s old, {ALIVE_S} s at most"
    silent = [one for one in known if not one.alive and one.in_flight]
    if silent:
        # It died at work, or its loop is stuck: only its machine knows which.
        told += f"; {len(silent)} fell silent at work, the last {silent[0].pid} on {silent[0].host} for {silent[0].age_s:.0f} s"
    return bool(alive), told


CHECKS: dict[str, SystemCheck] = {
    "worker": worker,
    "beat": beat,
    "queue-age": queue_age,
    "leases": leases,
    "deliveries": deliveries,
    "dead-letters": dead_letters,
    "unrouted": unrouted,
}
