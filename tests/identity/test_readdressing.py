"""People who are called otherwise from now on: the contact and its history stay, whatever arrives first."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

from konstruct.channels import deliveries_repository
from konstruct.jobs import queue
from konstruct.kit.ids import uuid7
from tests.identity.conftest import Desk
from tests.support import meta_events as meta
from tests.support.meta_events import ANN, Number, Payload, Person
from tests.support.queueing import HOUR_S

PHONE, OWN = str(ANN.phone), str(ANN.user_id)
MOVED = replace(ANN, phone="15557770099", user_id="US.99")
AGAIN = replace(ANN, phone="15557770088", user_id="US.88")
HEIR = replace(ANN, user_id="US.4", name="Bo")
"""Has Ann's old number now."""


async def _history(desk: Desk, tenant: int = 0) -> list[tuple[Any, ...]]:
    """Return each conversation: whom it is with, where answers go, and how much was said by whom."""
    rows = await desk.rows(
        "SELECT c.external_id, v.channel_id, v.audience_key, (SELECT count(*) FROM messages m WHERE m.tenant_id = $1"
        "   AND m.conversation_id = v.id AND m.contact_id = c.id) AS said"
        " FROM conversations v JOIN contacts c ON c.tenant_id = $1 AND c.id = v.contact_id WHERE v.tenant_id = $1"
        " ORDER BY c.external_id",
        tenant=tenant,
    )
    return [tuple(row) for row in rows]


def _told(number: Number, old: Person, new: Person) -> list[Payload]:
    """Return the ways in which Meta tells of a change; some come both."""
    return [
        meta.changed_number(number, old, new),
        meta.changed_user_id(number, old, new),
        meta.user_id_update(number, old, new),
    ]


async def test_each_way_of_telling_keeps_the_history(desk: Desk) -> None:
    """Another number, another id without a number, the field of its own: in each business its own person, and nobody twice."""
    number, other = desk.numbers
    people = [
        (replace(ANN, phone=f"1555777000{n}", user_id=f"US.{n}"), replace(ANN, phone=f"1555777010{n}", user_id=f"US.1{n}"))
        for n in range(3)
    ]
    for each in desk.numbers:
        await desk.deliver(*(meta.text(each, "hello", old) for old, _ in people))
    for way, (old, new) in enumerate(people):
        await desk.deliver(_told(number, old, new)[way])
        assert await desk.work() == 0
    assert await desk.contacts() == [
        ("US.10", "15557770000-", "15557770100", "US.0-"),
        ("US.11", "15557770001-", "US.1-"),
        ("US.12", "15557770002-", "15557770102", "US.2-"),
    ]
    assert [said for *_, said in await _history(desk)] == [1, 1, 1]
    await desk.deliver(*(meta.text(number, "me again", new) for _, new in people))
    # Late, under the names of before: it is theirs, and changes nothing.
    await desk.deliver(*(meta.text(number, "late", old) for old, _ in people))
    assert [(called, said) for called, *_, said in await _history(desk)] == [("US.10", 3), ("US.11", 3), ("US.12", 3)]
    assert [each[0] for each in await desk.contacts()] == ["US.10", "US.11", "US.12"]
    assert await desk.contacts(1) == [(f"US.{n}", f"1555777000{n}") for n in range(3)], "another business's person"
    assert other.phone_number_id != number.phone_number_id


async def test_whatever_comes_first(desk: Desk) -> None:
    """Words under three names in turn, and both changes told, in many orders: one person, one conversation, all words."""
    number, clock = desk.numbers[0], itertools.count(1_790_000_000)
    pieces = {
        "first": lambda: meta.text(number, "one", ANN),
        "change": lambda: meta.changed_number(number, ANN, MOVED),
        "second": lambda: meta.text(number, "two", MOVED),
        "change again": lambda: meta.user_id_update(number, MOVED, AGAIN, at=next(clock)),
        "third": lambda: meta.text(number, "three", AGAIN),
    }
    orders = [order for at, order in enumerate(itertools.permutations(pieces)) if at % 8 == 0]
    for at, order in enumerate(orders):
        for name in order:
            await desk.deliver(pieces[name]())
            await desk.work()
        for _ in range(4):
            await desk.work()
        assert [(*each[:3], each[3]) for each in await _history(desk)] == [("US.88", "US.88", "US.88", 3)], order
        [(called, *names)] = await desk.contacts()
        assert called == "US.88" and [name for name in names if not name.endswith("-")] == [AGAIN.phone], order
        assert await desk.work() == 0, order
        sql = "DELETE FROM {} WHERE tenant_id = $1 RETURNING 1"
        for table in ("conversations", "contacts"):
            await desk.rows(sql.format(table))
        assert at < len(orders)


async def test_who_has_the_old_number_now_is_somebody_else(desk: Desk) -> None:
    """The heir of a number writes before the change is told, and after: nobody sees the other's words."""
    number = desk.numbers[0]
    await desk.deliver(meta.text(number, "mine", ANN), meta.text(number, "hi", HEIR))
    await desk.deliver(meta.changed_number(number, ANN, MOVED))
    assert await desk.work() == 0
    await desk.deliver(meta.text(number, "here I am", MOVED), meta.text(number, "and I", replace(HEIR, user_id=None)))
    assert await desk.contacts() == [("US.4", PHONE), ("US.99", str(MOVED.phone), f"{OWN}-")]
    assert [(called, said) for called, *_, said in await _history(desk)] == [("US.4", 2), ("US.99", 2)]


async def test_nobody_is_made_of_a_change(desk: Desk) -> None:
    """Of people who never wrote nothing is kept; an event that says nothing new changes nothing."""
    number = desk.numbers[0]
    await desk.deliver(*_told(number, ANN, MOVED))
    assert await desk.work() == 3, "they wait: the person may still come"
    assert await desk.contacts() == []
    await desk.deliver(meta.text(number, "hello", MOVED))
    assert await desk.work() == 0
    assert await desk.contacts() == [("US.99", f"{PHONE}-", str(MOVED.phone), f"{OWN}-")]
    await desk.deliver(meta.user_id_update(number, MOVED, MOVED), meta.user_id_update(number, Person(), Person(None, None)))
    assert await desk.work() == 0
    assert [each[0] for each in await desk.contacts()] == ["US.99"]


async def test_nothing_is_sent_to_a_name_of_before(desk: Desk) -> None:
    """What a sender learns of a contact: the names of today, and none that may be somebody else's by now."""
    number = desk.numbers[0]
    await desk.deliver(meta.text(number, "hello", ANN), meta.changed_number(number, ANN, MOVED))
    assert await desk.work() == 0
    await desk.deliver(meta.text(number, "hello", MOVED))
    [claim] = [each for each in await queue.claim(desk.db, "turn", uuid7(), 100, HOUR_S) if each.scope == desk.scopes[0]]
    async with desk.db.tenant(desk.scopes[0]) as session:
        sender, _ = await deliveries_repository.open_deliveries(session, claim)
    assert sender.aliases == {MOVED.phone}
