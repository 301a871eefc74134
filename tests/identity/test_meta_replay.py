"""A day of a number as Meta delivers it, twice each and in any order: one answer to each who asked, and to nobody else."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from konstruct.channels.port_events import Receipt
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support import meta_events as meta
from tests.support.meta_corpus import ANN, BEN, Day, a_day
from tests.support.meta_events import Payload
from tests.support.meta_house import MetaHouse, open_meta_house
from tests.support.puppet import Puppet


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[MetaHouse]:
    """Two numbers; a model that says what it was asked."""
    async with open_meta_house(settings, db, house_vault, tenants, Puppet()) as opened:
        yield opened


def arranged(day: Day, order: str) -> list[Payload]:
    """Return every delivery twice: as they came, the wrong way round, or mixed."""
    twice = [*day.deliveries, *day.deliveries]
    if order == "backwards":
        return twice[::-1]
    if order != "as_they_came":
        random.Random(order).shuffle(twice)
    return twice


@pytest.mark.parametrize("order", ["as_they_came", "backwards", "mixed"])
async def test_each_question_has_one_answer_however_it_is_delivered(house: MetaHouse, order: str) -> None:
    day, other = (a_day(number, time.time() - 600) for number in house.numbers)
    statuses: Counter[int] = Counter()
    for at, delivery in enumerate(arranged(day, order)):
        statuses.update(await house.deliver(delivery))
        if at % 25 == 24:
            # Workers do not wait until everything has come.
            await house.handle()
    assert statuses == {200: 2 * len(day.deliveries)}
    await house.settle()
    rows = await house.rows("SELECT text FROM messages WHERE tenant_id = $1 AND direction = 'out'")
    shown = "\n".join(row["text"] for row in rows)
    assert {word: shown.count(word) for word in day.answered} == dict.fromkeys(day.answered, 1)
    assert [word for word in day.silent if word in shown] == []
    turns = await house.rows(
        "SELECT m.external_id, m.state, m.turn_id FROM messages m WHERE m.tenant_id = $1 AND m.direction = 'in'"
    )
    assert Counter(row["external_id"] for row in turns).most_common(1)[0][1] == 1, "a message stands once"
    assert {row["state"] for row in turns} <= {"answered", "withdrawn", "settled"}
    answers = await house.rows("SELECT turn_id, part FROM deliveries WHERE tenant_id = $1 AND turn_id IS NOT NULL")
    assert max(Counter((row["turn_id"], row["part"]) for row in answers).values()) == 1
    people = await house.rows("SELECT external_id FROM contacts WHERE tenant_id = $1")
    # Four people, of whom two are called otherwise by now.
    assert {row["external_id"] for row in people} == {str(ANN.user_id), str(BEN.user_id), "US.44", "DE.33"}
    assert await house.rows("SELECT 1 FROM contacts WHERE tenant_id = $1", tenant=1) == [], "nothing of it is the other's"
    assert other.number != day.number


async def test_states_of_a_message_only_climb(house: MetaHouse) -> None:
    """Of a message that was sent: each state, twice, in many orders; and of one whose outcome nobody knew."""
    number = house.numbers[0]
    await house.deliver(meta.text(number, "hello", ANN))
    await house.settle()
    [delivery] = await house.rows("SELECT id::text, channel_id FROM deliveries WHERE tenant_id = $1")
    for unknown in (True, False):
        for seed in range(6):
            wamid = meta.new_wamid()
            state = "'unknown', unknown_since = now(), sent_at = NULL, external_id = NULL"
            if not unknown:
                state = f"'sent', unknown_since = NULL, sent_at = now(), external_id = '{wamid}'"
            await house.rows(
                "UPDATE deliveries SET receipt = NULL, receipt_at = NULL, receipt_reason = NULL, attempt = 1,"
                " sending_until = NULL,"
                f" state = {state} WHERE tenant_id = $1 RETURNING 1"
            )
            told = [
                meta.status(number, wamid, word, ANN, delivery=delivery["id"] if unknown or at % 2 else None)
                for at, word in enumerate(("sent", "delivered", "read", "played"))
            ]
            order = [*told, *told]
            random.Random(seed).shuffle(order)
            climbed, row = [], None
            for each in order:
                assert await house.deliver(each) == [200]
                await house.handle()
                [row] = await house.rows("SELECT state, receipt, external_id FROM deliveries WHERE tenant_id = $1")
                climbed.append(["sent", "delivered", "read", "played"].index(row["receipt"]))
            assert climbed == sorted(climbed) and climbed[-1] == 3, (seed, climbed)
            assert row is not None and (row["state"], row["external_id"]) == ("sent", wamid)


async def test_what_an_event_leaves_to_the_other_parts(house: MetaHouse) -> None:
    """A status carries its price, Meta's word for why, and when: to the handler, through the database."""
    number, seen = house.numbers[0], []

    async def keep(received: object) -> None:
        seen.append(received)

    house.handlers[Receipt] = keep
    price = {"billable": True, "type": "regular", "category": "general_purpose_ai"}
    error = {"code": 131049, "title": "Not delivered to maintain healthy engagement", "error_data": {"details": "x"}}
    known = str(uuid7())
    await house.deliver(
        meta.status(number, "wamid.A", "failed", ANN, delivery=known, pricing=price, errors=[error], at=1_790_000_000)
    )
    await house.handle()
    [received] = seen
    event = getattr(received, "event")  # noqa: B009  # whatever a handler gets
    assert (event.state, event.delivery, event.channel_id, event.at) == ("failed", known, ANN.user_id, 1_790_000_000.0)
    assert (event.billable, event.charge_type, event.charged_as) == (True, "regular", "general_purpose_ai")
    assert event.reason == "131049 Not delivered to maintain healthy engagement"
