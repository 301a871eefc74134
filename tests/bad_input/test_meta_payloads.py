"""Deliveries of Meta as nobody should send them: one error without content, never a 5xx, nobody answered twice, nothing lost."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels.port import Ignored, Inbound, InboundMessage
from konstruct.channels.port_events import restored, stored
from konstruct.channels.whatsapp.reading import read
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.channels.properties import CALM
from tests.support import meta_events as meta
from tests.support.mangled import anything
from tests.support.meta_corpus import ANN, BEN, a_day, restrictions
from tests.support.meta_events import Number, Person
from tests.support.meta_house import VERIFY_TOKEN, MetaHouse, open_meta_house
from tests.support.mutations import change, mutated, paths
from tests.support.puppet import Puppet

NUMBER = Number("900", "1000", "15550001111")
DAY = a_day(NUMBER, 1_790_000_000).deliveries + restrictions(NUMBER)


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[MetaHouse]:
    """Two numbers; a model that says what it was asked."""
    async with open_meta_house(settings, db, house_vault, tenants, Puppet()) as opened:
        yield opened


def check(found: Inbound) -> None:
    """Check what may be made of a body, whatever it says: it can be stored, and found again."""
    if isinstance(found, InboundMessage):
        assert found.event_key not in found.post_keys and found.post_keys and found.external_id
        ids = (found.sender_id, *found.aliases)
        assert len(set(ids)) == len(ids) and all(0 < len(each) <= 200 and "\x1f" not in each for each in ids)
        assert found.sent_at.utcoffset() is not None
        keys = (found.event_key, *found.post_keys)
        _storable([found.text, found.sender_name or "", found.attachments, found.context])
        assert found.piece is None or json.loads(found.piece)
    elif not isinstance(found, Ignored):
        kind, values = stored(found)  # type: ignore[arg-type]  # there are no echoes here
        kept = orjson.loads(orjson.dumps(values, default=dict))
        assert type(restored(kind, kept)) is type(found)
        keys = (found.event_key,)
        _storable(kept)
    else:
        return
    assert all(0 < len(key) <= 600 for key in keys) and 0 < len(found.account_key) <= 200


def _storable(value: Any) -> None:
    """PostgreSQL refuses NUL characters and lone surrogates, in a text and in JSON alike."""
    assert b"\\u0000" not in orjson.dumps(value, default=dict)


def _read(body: bytes) -> None:
    try:
        found = read(body)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 80
        assert not any(word in str(error) for word in ("ask", "hush")), "an error quotes nobody"
    else:
        for each in found:
            check(each)


@settings(CALM, max_examples=600)
@given(st.integers(0, len(DAY) - 1), st.integers(0, 2**32))
def test_the_reader_raises_one_error_only(which: int, seed: int) -> None:
    _read(mutated(DAY[which], random.Random(seed)))


@settings(CALM, max_examples=80)
@given(st.integers(0, len(DAY) - 1), st.data())
def test_anything_may_stand_anywhere(which: int, data: st.DataObject) -> None:
    delivery = DAY[which]
    at = data.draw(st.sampled_from(list(paths(delivery))))
    _read(json.dumps(change(delivery, at, lambda _: data.draw(anything()))).encode())


async def test_the_webhook_never_fails_and_nobody_is_answered_twice(house: MetaHouse) -> None:
    """Each kind of payload made wrong, twice, in one mixed order, beside those that are right; then everybody is still heard."""
    pick = random.Random("payloads")
    number = house.numbers[0]
    whole = a_day(number, 1_790_000_000).deliveries
    bodies = [mutated(delivery, pick) for delivery in whole]
    bodies = [
        *bodies,
        *bodies,
        b"",
        b"null",
        b"[]",
        b"{" * 1000,
        b"\xff\xfe",
        b'{"entry":' * 5000,
        b'{"object":"page","entry":[]}',
    ]
    pick.shuffle(bodies)
    for body in bodies:
        status, _ = await house.post(body)
        assert status in (200, 400), body[:2000]
    await house.settle()
    asked = meta.text(number, "still there?", BEN)
    assert await house.deliver(asked, asked) == [200, 200]
    await house.settle()
    rows = await house.rows("SELECT text FROM messages WHERE tenant_id = $1 AND direction = 'out'")
    assert sum("still there?" in row["text"] for row in rows) == 1
    turns = [row["turn_id"] for row in await house.rows("SELECT turn_id FROM deliveries WHERE tenant_id = $1 AND part = 0")]
    assert len(turns) == len(set(turns))
    assert await house.rows("SELECT 1 FROM messages WHERE tenant_id = $1", tenant=1) == []


async def test_who_may_speak_to_the_webhook(house: MetaHouse) -> None:
    """Unsigned, signed by somebody else, changed on the way, of another app; and the question whether it is ours."""
    body = meta.encode(meta.text(house.numbers[0], "let me in"))
    signed = meta.sign(body, "another secret")
    right = meta.sign(body, "meta-app-secret-canary")
    for sent, headers in (
        (body, {}),
        (body, signed),
        (body, {"X-Hub-Signature-256": ""}),
        (body, {"X-Hub-Signature-256": "sha256=é"}),
        (body, {"X-Hub-Signature-256": "sha256=" + "0" * 64}),
        (body, {"X-Hub-Signature": right["X-Hub-Signature-256"]}),
        (body + b" ", right),
        # Parsed and written again: what Meta escapes stands there as it is.
        (json.dumps(json.loads(body)).encode(), right),
    ):
        assert (await house.post(sent, headers))[0] == 401, headers
    assert await house.rows("SELECT 1 FROM messages WHERE tenant_id = $1") == []
    assert await house.ask(meta.challenge(VERIFY_TOKEN)) == (200, "1158201444")
    for query in (
        meta.challenge("guess"), meta.challenge(VERIFY_TOKEN) | {"hub.mode": "unsubscribe"}, {}, {"hub.challenge": "x"},
        meta.challenge(VERIFY_TOKEN + "é"), {"hub.verify_token": VERIFY_TOKEN, "hub.mode": "subscribe"},
    ):  # fmt: skip
        status, text = await house.ask(query)
        assert status == 403 and "1158201444" not in text and VERIFY_TOKEN not in text, query
    assert (await house.post(body, right))[0] == 200
    assert (await house.post(b"{" + b" " * (4 << 20) + b"}"))[0] == 413


async def test_a_body_of_three_megabytes(house: MetaHouse) -> None:
    """Thousands of messages and statuses of two businesses and of a number that nobody has, twice: each kept once, and alone."""
    people = [Person(f"1555888{n:04}", f"US.8{n}", f"Name {n}") for n in range(150)]
    each = 10
    deliveries = [
        meta.messages(
            number,
            *(
                meta.raw_message("text", {"body": f"{n} {'ж' * 50}"}, person, wamid=f"wamid.{n}.{at}")
                for n, person in enumerate(people)
                for at in range(each)
            ),
            people=people,
        )
        for number in house.numbers
    ]
    states = [meta.raw_status(f"wamid.S{n}", state, people[n % 150]) for n in range(900) for state in ("sent", "delivered")]
    unknown = Number("1", "77777", "15550000000")
    told = meta.of_number(house.numbers[0], statuses=states)
    body = meta.encode(meta.batch(*deliveries, told, meta.text(unknown, "hello?")))
    assert len(body) > 1_500_000
    for _ in range(2):
        assert (await house.post(body))[0] == 200
    for tenant in (0, 1):
        [row] = await house.rows(
            "SELECT (SELECT count(*) FROM messages WHERE tenant_id = $1) AS messages,"
            " (SELECT count(*) FROM conversations WHERE tenant_id = $1) AS conversations,"
            " (SELECT count(*) FROM channel_events WHERE tenant_id = $1) AS events,"
            " (SELECT max(length(body)) FROM inbound_events WHERE tenant_id = $1) AS longest",
            tenant=tenant,
        )
        assert (row["messages"], row["conversations"], row["events"]) == (1500, 150, 0 if tenant else 1800)
        assert row["longest"] < 2000, "each is kept with its own piece of the body"
    bodies = await house.rows(
        "SELECT convert_from(e.body, 'UTF8') AS body, m.external_id, k.external_id AS person FROM inbound_events e"
        " JOIN messages m ON m.tenant_id = $1 AND m.id = e.id JOIN contacts k ON k.tenant_id = $1 AND k.id = m.contact_id"
        " WHERE e.tenant_id = $1 ORDER BY m.external_id LIMIT 50"
    )
    for row in bodies:
        [found] = read(row["body"].encode())
        assert isinstance(found, InboundMessage) and (found.external_id, found.sender_id) == (row["external_id"], row["person"])
        assert all(person.user_id == row["person"] or f'"{person.user_id}"' not in row["body"] for person in people)


async def test_what_people_write(house: MetaHouse) -> None:
    """Emoji and right-to-left text, escaped as Meta does; NUL and half an emoji; nothing at all; everything at once."""
    number = house.numbers[0]
    strange = [
        "👩‍🚀 مرحبا \u202eback",
        "nul \x00 here",
        "half \ud83d an emoji",
        "\udfff\ud800",
        "a\x1b[31mred",
        "",
        " ",
        "x" * 70_000,
    ]
    for at, said in enumerate(strange):
        person = replace(ANN, name=said or "Ann", user_id=f"US.{at}", phone=f"1555{at}")
        delivery = meta.text(number, said, person)
        assert await house.deliver(delivery, delivery) == [200, 200]
    batch = meta.batch(*(meta.text(number, said, BEN) for said in strange))
    assert await house.deliver(batch, batch) == [200, 200]
    await house.settle()
    rows = await house.rows("SELECT text, state FROM messages WHERE tenant_id = $1 AND direction = 'in'")
    assert len(rows) == 2 * len(strange) and {row["state"] for row in rows} == {"answered"}
    texts = {row["text"] for row in rows}
    assert {"👩‍🚀 مرحبا \u202eback", "nul  here", "half \ufffd an emoji", "\ufffd\ufffd"} <= texts


async def test_receipts_of_what_was_never_sent(house: MetaHouse) -> None:
    """Made-up messages, made-up deliveries, and those of the other business: no effect, no 5xx."""
    first, second = house.numbers
    await house.deliver(meta.text(first, "hello", ANN), meta.text(second, "hello", ANN))
    await house.settle()
    before = [await house.rows("SELECT * FROM deliveries WHERE tenant_id = $1", tenant=tenant) for tenant in (0, 1)]
    [theirs] = before[1]
    for wamid, ours in (("wamid.made-up", None), ("wamid.x", "0" * 36), ("wamid.y", "nonsense"), ("w", str(theirs["id"]))):
        for state in ("sent", "read", "failed"):
            assert await house.deliver(meta.status(first, wamid, state, ANN, delivery=ours)) == [200]
    await house.settle()
    after = [await house.rows("SELECT * FROM deliveries WHERE tenant_id = $1", tenant=tenant) for tenant in (0, 1)]
    assert after == before
