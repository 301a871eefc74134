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
    states = await _tenant_states(system)
    stuck = sum(state.stuck for state in states)
    return stuck == 0, f"{stuck} deliveries of {len(states)} tenants stand in sending or unknown for too long"


async def dead_letters(system: System) -> Verdict:
    """Nobody waits for an answer that will not come."""
    states = await _tenant_states(system)
    unresolved = sum(state.unresolved for state in states)
    return unresolved == 0, f"{unresolved} dead letters of {len(states)} tenants are unresolved"


async def unrouted(system: System) -> Verdict:
    """Events for unknown accounts: strangers', or of an account that was meant to be connected."""
    async with system.db.fleet("doctor") as session:
        count = await repository.unrouted(session)
    if count:
        return None, f"{count} deliveries for accounts that nobody connected, seen again in the last day"
    return True, "every delivery of the last day found its tenant"


async def _process(system: System, kind: str) -> Verdict:
    async with system.db.fleet("doctor") as session:
        known = await list_workers(session, kind)
    alive = [one for one in known if one.alive]
    if not known:
        return False, f"no {kind} has ever said that it lives: start `konstruct {kind}`"
    return bool(
        alive
    ), f"{len(alive)} of kind {kind} alive; the last heartbeat is {known[0].age_s:.0f} s old, {ALIVE_S} s at most"


async def _tenant_states(system: System) -> list[repository.TenantState]:
    states = []
    for scope in await repository.tenants(system.db):
        async with system.db.tenant(scope) as session:
            states.append(await repository.tenant_state(session))
    return states


CHECKS: dict[str, SystemCheck] = {
    "worker": worker,
    "beat": beat,
    "queue-age": queue_age,
    "leases": leases,
    "deliveries": deliveries,
    "dead-letters": dead_letters,
    "unrouted": unrouted,
}
