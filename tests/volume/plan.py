"""Two days of two businesses, as a plan drawn from a seed: what happens when, to whom."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

from konstruct.channels.events_handling import Received
from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.tier_changes import Capacity
from konstruct.channels.port import Post
from konstruct.channels.port_events import CapacityChanged, Receipt
from konstruct.channels.receipts import Receipts
from tests.support.strict_meta import Fate, StrictAdapter
from tests.volume.world import Number, World

HOUR_S = 3600.0
PEOPLE = 2_500
_FATES: tuple[tuple[Fate, float], ...] = (("lost", 0.02), ("lost_taken", 0.02), ("busy", 0.02), ("undeliverable", 0.01))

Step = Callable[[], Awaitable[None]]


@dataclass
class Plan:
    """What happens, and what came of it."""

    world: World
    chance: random.Random
    numbers: list[Number]
    contacts: dict[str, dict[str, UUID]] = field(default_factory=dict)
    """By number, then by person: at every number the same people."""
    asked: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    crowded: int = 0
    """How many of the next templates another program of the business has left no room for."""

    def fate(self, post: Post) -> Fate:
        """Return what becomes of the next message."""
        if post.form == "template" and self.crowded > 0:
            self.crowded -= 1
            return "too_many"
        drawn = self.chance.random()
        for fate, share in _FATES:
            drawn -= share
            if drawn < 0:
                return fate
        return "taken"

    def events(self) -> list[tuple[float, Step]]:
        """Return everything that happens, by when, in seconds."""
        shop, sister, bakery, branch = self.numbers
        fixed: list[tuple[float, Step]] = [
            (0.1, lambda: self.campaign(shop, 230)),
            (0.2, lambda: self.campaign(sister, 60)),
            (0.5, lambda: self.campaign(bakery, 50)),
            (5.0, lambda: self.campaign(branch, 30)),
            (20.0, lambda: self.limit(bakery, 2_000)),
            (20.1, lambda: self.campaign(bakery, 30)),
            (26.0, lambda: self.campaign(branch, 70)),
            (28.0, lambda: self.limit(bakery, 250)),
            (44.0, lambda: self.other_program(2)),
            (29.1, lambda: self.campaign(shop, 20)),
            (40.0, lambda: self.campaign(bakery, 30)),
        ]
        drawn: list[tuple[float, Step]] = []
        for step, count in (
            (self.people_write, 30),
            (self.late_answer, 24),
            (self.withdrawal, 20),
            (self.opting_out, 12),
            (self.agreement, 6),
            (self.receipts, 12),
            (self.new_workers, 6),
        ):
            drawn += [(self.chance.uniform(0.1, 47.0), step) for _ in range(count)]
        return sorted(((hours * HOUR_S, step) for hours, step in fixed + drawn), key=lambda each: each[0])

    async def campaign(self, number: Number, count: int) -> None:
        """The business writes to many of its contacts first, whether they agreed or not."""
        names = self.chance.sample(sorted(self.contacts[number.phone]), count)
        written = await self.world.write(number, [self.contacts[number.phone][name] for name in names])
        self.asked += len(written)
        for each in written:
            if isinstance(each, Refused):
                self.refused[each.reason] = self.refused.get(each.reason, 0) + 1

    async def people_write(self) -> None:
        """Some people write in, and are answered: by the employee, in two messages, or by a colleague."""
        number = self.chance.choice(self.numbers)
        names = self.chance.sample(sorted(self.contacts[number.phone]), 4)
        people = {name: self.contacts[number.phone][name] for name in names}
        await self.world.hear(number, people)
        kind = self.chance.choice(("reply", "human"))
        self.answers += await self.world.answer(number, list(people.values()), kind=kind)
        if kind == "reply":
            self.answers += await self.world.answer(number, list(people.values())[:2], kind=kind)

    async def late_answer(self) -> None:
        """Somebody is answered just before their window closes, or after."""
        now, meta = self.world.clock.now(), self.world.meta
        ages = {pair: now - at for pair, at in meta.opened.items() if now - at > 20 * HOUR_S}
        if ages:
            phone, name = min(sorted(ages), key=lambda pair: abs(ages[pair] - 24 * HOUR_S))
            number = self.world.numbers[phone]
            await self.world.answer(number, [self.contacts[phone][name]], kind=self.chance.choice(("reply", "human")))

    async def withdrawal(self) -> None:
        """People whose turn has not come take their consent back."""
        number = self.chance.choice(self.numbers)
        await self.world.withdraw(number, await self._waiting(number))

    async def opting_out(self) -> None:
        """People whose turn has not come write that they want no more."""
        number = self.chance.choice(self.numbers)
        await self.world.opt_out(number, await self._waiting(number))

    async def agreement(self) -> None:
        """People who did not want to be written to agree to it."""
        number = self.chance.choice(self.numbers)
        unwilling = [name for name in sorted(self.contacts[number.phone]) if (number.phone, name) not in self.world.meta.agreed]
        names = self.chance.sample(unwilling, 3)
        opted = await self.world.rows(
            number,
            "SELECT id FROM contacts WHERE tenant_id = $1 AND account_id = $2 AND opted_out_at IS NOT NULL",
            number.account_id,
        )
        left = {row["id"] for row in opted}
        agreeing = {name: self.contacts[number.phone][name] for name in names}
        if agreeing := {name: contact for name, contact in agreeing.items() if contact not in left}:
            await self.world.agree(number, agreeing)

    async def _waiting(self, number: Number) -> dict[str, UUID]:
        """Return a few of those for whom something waits to be sent, and a few others."""
        rows = await self.world.rows(
            number,
            "SELECT c.channel_id FROM deliveries d JOIN conversations c ON c.tenant_id = $1 AND c.id = d.conversation_id"
            " WHERE d.tenant_id = $1 AND d.account_id = $2 AND d.state = 'pending' AND d.kind = 'outreach' ORDER BY d.id LIMIT 2",
            number.account_id,
        )
        names = {row["channel_id"] for row in rows} | set(self.chance.sample(sorted(self.contacts[number.phone]), 4))
        return {name: self.contacts[number.phone][name] for name in sorted(names)}

    async def limit(self, number: Number, limit: int) -> None:
        """Meta changes what the portfolio may do, and says so."""
        self.world.meta.limits[number.portfolio] = limit
        event = CapacityChanged(account_key=number.phone, app_id=None, event_key="limit", daily_limit=limit)
        await Capacity(self.world.db)(Received(number.scope, number.account_id, event, 1, 0.0))

    async def other_program(self, count: int) -> None:
        """Another program of the business uses up what is left at Meta."""
        self.crowded = count

    async def receipts(self) -> None:
        """Of some messages whose answer was lost, a receipt comes."""
        lost, self.world.meta.lost = self.world.meta.lost, []
        handler = Receipts(self.world.db, {"whatsapp": StrictAdapter(self.world.meta)})
        for phone, post in lost[::2]:
            number = self.world.numbers[phone]
            receipt = Receipt(
                account_key=phone,
                app_id=None,
                event_key=f"r{post.delivery_id}",
                channel_id=post.target.channel_id,
                external_id=f"wamid.late.{post.delivery_id.hex}",
                state="delivered",
                delivery=str(post.delivery_id),
                at=self.world.clock.now(),
            )
            await handler(Received(number.scope, number.account_id, receipt, 1, 0.0))

    async def new_workers(self) -> None:
        """The workers are replaced."""
        self.world.restart()
