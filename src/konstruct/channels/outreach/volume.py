"""Whether one more person may be written to first today: the tier of the portfolio, and the warm-up of the number.

It counts in the transaction that begins the send, under the lock of the portfolio's row: any number of workers together never
exceed it, and what is not sent after all is given back. Who finds no place is promised the one that frees next.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from uuid import UUID

from konstruct.channels.outreach import line_repository, places_repository, pools_repository
from konstruct.channels.outreach.check import Outreach, Refused, Verdict, Waits
from konstruct.channels.outreach.places_repository import Person, Standing
from konstruct.channels.outreach.pools_repository import NumberPool
from konstruct.channels.outreach.tiers import STEP_MAX, WARM_UP_DAY_S, allowance
from konstruct.channels.outreach.today import today
from konstruct.db.session import TenantSession

FULL = "volume_full"
"""Everybody whom the tier or the warm-up allows today has been written to."""
NOWHERE = "portfolio_unknown"
"""The business has several portfolios, and nobody knows which of them the number belongs to."""
NO_CONTACT = "no_contact"
_MARGIN_S = 60.0
"""A window must be open for so much longer that a send under way does not outlive it."""
_SOON_S = 0.05


@dataclass(frozen=True, slots=True)
class Pool:
    """One of the pools that a message must find a place in, locked and cleared."""

    id: UUID
    ceiling: int | None
    standing: Standing

    @property
    def free(self) -> int | None:
        """How many more may count; None: any number; below 0 after the limit fell."""
        return None if self.ceiling is None else self.ceiling - self.standing.used

    @property
    def room(self) -> bool:
        """Whether it is this message's turn."""
        return self.standing.counts_already or self.free is None or self.free > self.standing.ahead

    @property
    def over(self) -> int:
        """How many may still be told that there is room, once this message has its place."""
        if self.free is None:
            return line_repository.HASTENED_MAX
        return self.free - self.standing.ahead - (0 if self.standing.counts_already else 1)


async def check(session: TenantSession, outreach: Outreach) -> Verdict:
    """See `Check`. The last one: it counts."""
    person = await places_repository.find_person(session, outreach.contact_id, _MARGIN_S)
    if person is None:
        return Refused(NO_CONTACT)
    if person.in_window:
        return None
    asked = outreach.delivery_id is None or outreach.stage == "asked"
    # Looked at under the lock: whoever settles anew where the number counts holds it.
    number = None if asked else await pools_repository.lock_number(session, outreach.account_id)
    members = await pools_repository.memberships(session, outreach.account_id)
    if any(member.account_id == outreach.account_id and member.belongs is None for member in members):
        return Refused(NOWHERE)
    if outreach.delivery_id is None or asked:
        return await _asked(session, outreach, person)
    if number is None or number.part_of is None or not all(member.settled for member in members):
        return Waits(_SOON_S, FULL, partial(_settle, account_id=outreach.account_id))
    pools = await _pools(session, number, person, outreach.delivery_id)
    if not all(pool.room for pool in pools):
        return Waits(_SOON_S, FULL, partial(_line_up, outreach=outreach, person=person))
    for pool in pools:
        await places_repository.take(session, pool.id, outreach.contact_id, person.ids, outreach.delivery_id)
        if pool.over > 0 and pool.standing.others_wait:
            await line_repository.hasten(session, pool.id, pool.over)
    return None


async def give_back(session: TenantSession, delivery_id: UUID) -> None:
    """The provider certainly did not take a message: who counted because of it does not, and the next may have the place."""
    for pool_id in await places_repository.pools_of(session, delivery_id):
        await line_repository.hasten(session, pool_id, 1)
    await places_repository.give_back(session, delivery_id)


async def settle(session: TenantSession, account_id: UUID) -> None:
    """Begin to count what a number sends, in the portfolio that it belongs to."""
    await pools_repository.add_number(session, account_id)
    await pools_repository.settle(session, account_id)


async def _settle(session: TenantSession, account_id: UUID) -> float:
    await settle(session, account_id)
    return 0.0


async def _pools(session: TenantSession, number: NumberPool, person: Person, delivery_id: UUID) -> list[Pool]:
    """Lock and clear what a message must find a place in: the portfolio, and the number while it is not warm."""
    assert number.part_of is not None
    portfolio = await pools_repository.lock_portfolio(session, number.part_of)
    await places_repository.clear(session, [number.id, portfolio.id])
    step = await _grown(session, number)
    ceilings = {portfolio.id: portfolio.limits.ceiling}
    if (allowed := allowance(step)) is not None:
        ceilings[number.id] = allowed
    return [
        Pool(pool_id, ceiling, await places_repository.standing(session, pool_id, person.ids, delivery_id))
        for pool_id, ceiling in ceilings.items()
    ]


async def _grown(session: TenantSession, number: NumberPool) -> int:
    """Return the step of a number's warm-up, after the one that it may have earned by now."""
    allowed = allowance(number.step)
    earned = allowed is not None and number.written * 2 >= allowed and number.grown_s >= WARM_UP_DAY_S
    if not earned or number.held:
        return number.step
    await pools_repository.grow(session, number.id)
    return min(number.step + 1, STEP_MAX)


async def _line_up(session: TenantSession, outreach: Outreach, person: Person) -> float:
    """Let a message wait for its place, in a transaction of its own; return in how many seconds it is worth asking again."""
    number = await pools_repository.lock_number(session, outreach.account_id)
    if number is None or number.part_of is None or outreach.delivery_id is None:
        return _SOON_S
    for pool in await _pools(session, number, person, outreach.delivery_id):
        if not pool.room:
            if pool.standing.due_s is not None and pool.standing.due_s > 0:
                return pool.standing.due_s
            assert pool.free is not None and pool.ceiling is not None
            excess = pool.standing.ahead - pool.free
            return await line_repository.wait(session, pool.id, outreach.delivery_id, excess, pool.ceiling)
    return _SOON_S


async def _asked(session: TenantSession, outreach: Outreach, person: Person) -> Verdict:
    seen = await today(session, outreach.account_id, contact_ids=person.ids)
    return None if seen.counts_already or seen.left is None or seen.left > 0 else Refused(FULL)
