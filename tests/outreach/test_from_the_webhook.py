"""From Meta's webhook to Meta's API: an answer that waits for the window holds up neither the next question nor its answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from konstruct.channels.credentials import Credentials
from konstruct.channels.delivery import Delivering
from konstruct.channels.limits import SendLimits
from konstruct.channels.patience import Patience
from konstruct.channels.rates import Rate
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.kit.counters import Counters
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support import meta_events
from tests.support.fake_meta import FakeMeta, Number, Person
from tests.support.meta_house import MetaHouse, open_meta_house
from tests.support.puppet import Puppet
from tests.support.queueing import HOUR_S

ANN = meta_events.ANN


@dataclass
class Street:
    """Both ways: what comes in through the webhook, and what goes out to the fake Graph API."""

    house: MetaHouse
    meta: FakeMeta
    sends: Delivering

    async def hears(self, text: str, *tenants: int) -> None:
        """Ann writes to the businesses."""
        assert ANN.phone is not None
        for tenant in tenants:
            number = self.house.numbers[tenant]
            self.meta.hear(number.phone_number_id, ANN.phone)
            assert await self.house.deliver(meta_events.text(number, text)) == [200]

    async def sent(self) -> int:
        """Let the sender do all that is due; return how many lanes that were."""
        done = 0
        while claims := await queue.claim(self.house.db, "send", uuid7(), 10, HOUR_S):
            for claim in claims:
                await self.sends(claim)
            done += len(claims)
        return done

    async def a_day_passes(self, tenant: int) -> None:
        """For the contact of one business."""
        assert ANN.phone is not None
        self.meta.heard[self.house.numbers[tenant].phone_number_id, ANN.phone] -= 25 * 3600.0
        sql = "UPDATE contacts SET window_expires_at = window_expires_at - interval '25 hours' WHERE tenant_id = $1"
        await self.house.rows(sql, tenant=tenant)

    def shown(self, tenant: int) -> list[str]:
        """Return what Ann got from a business, in order."""
        phone = self.house.numbers[tenant].phone_number_id
        return [each["text"]["body"] for each in self.meta.messages if each["phone_id"] == phone]


@pytest.fixture
async def street(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[Street]:
    async with open_meta_house(settings, db, house_vault, tenants, Puppet()) as house:
        numbers = [Number(each.phone_number_id, each.waba, each.display, each.token) for each in house.numbers]
        meta = FakeMeta(numbers, [Person(str(ANN.phone), ANN.user_id)])
        await meta.start()
        adapters = {"whatsapp": WhatsAppAdapter(settings.model_copy(update={"whatsapp_api_url": meta.url}))}
        redis, credentials = Redis.open(settings), Credentials(db, house_vault, adapters)
        limits = SendLimits(redis, {"whatsapp.post": Rate(per_minute=60_000, burst=1000)})
        try:
            yield Street(house, meta, Delivering(db, adapters, credentials, limits, counters=Counters(), patience=Patience()))
        finally:
            await credentials.close()
            await adapters["whatsapp"].close()
            await redis.close()
            await meta.stop()


async def test_a_waiting_answer_holds_up_no_later_question(street: Street) -> None:
    await street.hears("Is my bike ready?", 0, 1)
    await street.house.settle()
    await street.a_day_passes(0)
    await street.sent()
    [first] = street.shown(1)
    assert street.shown(0) == [] and street.meta.violations == []
    waits = "SELECT state, reason FROM deliveries WHERE tenant_id = $1"
    assert [tuple(row) for row in await street.house.rows(waits)] == [("pending", "window_closed")]

    # The next question opens the window. What waited goes out while it is still being thought about, and its answer comes after.
    await street.hears("And now?", 0)
    assert await street.sent() == 1 and street.shown(0) == [first]
    await street.house.settle()
    await street.sent()
    assert len(street.shown(0)) == 2 and street.shown(0)[0] == first and "And now?" in street.shown(0)[1]
    answered = "SELECT count(*) FROM turns WHERE tenant_id = $1 AND outcome = 'answered'"
    assert [row[0] for row in await street.house.rows(answered)] == [2]
    assert len(street.shown(1)) == 1 and street.meta.violations == []
