"""Whom a message is from: one contact and one conversation, whatever the provider calls the person today."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

from tests.identity.conftest import Desk
from tests.support import meta_events as meta
from tests.support.house import until
from tests.support.meta_events import ANN, Person

_CONVERSATIONS = (
    "SELECT v.external_key = v.contact_id::text AS own, v.channel_id, v.audience, v.audience_key, v.next_seq - 1 AS said,"
    " c.external_id, c.display_name FROM conversations v JOIN contacts c ON c.tenant_id = $1 AND c.id = v.contact_id"
    " WHERE v.tenant_id = $1 ORDER BY v.created_at, v.id"
)
PHONE, OWN = str(ANN.phone), str(ANN.user_id)
BY_PHONE, BY_ID = replace(ANN, user_id=None), replace(ANN, phone=None)


async def test_a_person_is_found_by_any_of_their_ids(desk: Desk) -> None:
    """By phone, then by both, by the id of the business's own alone, by phone again: as Meta has it from year to year."""
    for number in desk.numbers:
        for person, name in ((BY_PHONE, "Ann"), (ANN, "Ann"), (BY_ID, "Ann Lee"), (BY_PHONE, "Ann Lee")):
            await desk.deliver(meta.text(number, "hello", replace(person, name=name)))
    for tenant in (0, 1):
        assert await desk.contacts(tenant) == [(OWN, PHONE)]
        [only] = await desk.rows(_CONVERSATIONS, tenant=tenant)
        assert tuple(only) == (True, OWN, "person", OWN, 4, OWN, "Ann Lee")
        messages = await desk.rows("SELECT seq, state FROM messages WHERE tenant_id = $1 ORDER BY seq", tenant=tenant)
        assert [tuple(row) for row in messages] == [(seq, "pending") for seq in (1, 2, 3, 4)]


async def test_the_name_of_today_is_the_one_to_send_to(desk: Desk) -> None:
    """What waits to be sent, and what was offered to the person, follows a contact that gets another name."""
    number, account = desk.numbers[0], desk.accounts[0]
    await desk.deliver(meta.text(number, "hello", BY_PHONE))
    await desk.rows(
        "WITH m AS (UPDATE conversations SET next_seq = 3 WHERE tenant_id = $1 RETURNING id),"
        " said AS (INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, sent_at)"
        "   SELECT $1, uuidv7(), m.id, 2, 'out', 'ai', 'hi', 'sent', now() FROM m RETURNING id, conversation_id)"
        " INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
        "   owner_epoch) SELECT $1, uuidv7(), conversation_id, $2, id, 2, 0, 'reply', $3, 'hi', 0 FROM said RETURNING id",
        account, PHONE,
    )  # fmt: skip
    for external_id in (PHONE, "somebody"):
        await desk.rows(
            "INSERT INTO actions (tenant_id, id, account_id, kind, subject, who, person, options, expires_at)"
            " VALUES ($1, uuidv7(), $2, 'human', 'x', 'person', $3, '[{}]', now()) RETURNING id", account, external_id,
        )  # fmt: skip
    await desk.deliver(meta.text(number, "hello", ANN))
    [delivery] = await desk.rows("SELECT channel_id FROM deliveries WHERE tenant_id = $1")
    assert delivery["channel_id"] == OWN
    people = await desk.rows("SELECT person FROM actions WHERE tenant_id = $1 ORDER BY person")
    assert [row["person"] for row in people] == [OWN, "somebody"]


async def test_a_number_that_somebody_else_has_now(desk: Desk) -> None:
    """Another id of Meta's own with the same phone number: another person, who sees nothing of the first one's."""
    number, heir = desk.numbers[0], replace(ANN, user_id="US.2", name="Bo")
    await desk.deliver(meta.text(number, "hello", ANN), meta.text(number, "hi", heir), meta.text(number, "again", BY_ID))
    assert await desk.contacts() == [(OWN,), ("US.2", PHONE)]
    said = [(row["external_id"], row["said"]) for row in await desk.rows(_CONVERSATIONS)]
    assert said == [(OWN, 2), ("US.2", 1)]
    # The number alone is the one's who used it last.
    await desk.deliver(meta.text(number, "hm", BY_PHONE))
    assert [(row["external_id"], row["said"]) for row in await desk.rows(_CONVERSATIONS)] == [(OWN, 2), ("US.2", 2)]


async def test_many_at_once_make_one(desk: Desk) -> None:
    """Two processes, three names of one person, in both orders: one contact, one conversation, and nobody waits for ever."""
    number, other = desk.numbers[0], Person("15557770009", "US.9", "Bo")
    called = [BY_PHONE, ANN, BY_ID]
    batches = [
        meta.messages(
            number,
            *(meta.raw_message("text", {"body": "x"}, person) for person in (*called[::order], other, *called[::-order])),
            people=[ANN, other],
        )
        for order in (1, -1, 1, -1)
    ]
    results = await asyncio.gather(*(desk.deliver(batch) for batch in batches))
    assert [set(found) for found in results] == [{"ready"}] * 4
    while await desk.work():
        pass
    assert await desk.contacts() == [(OWN, PHONE), ("US.9", "15557770009")]
    conversations = await desk.rows("SELECT next_seq - 1 AS said FROM conversations WHERE tenant_id = $1")
    assert sorted(row["said"] for row in conversations) == [4, 24]


async def test_the_reply_window(desk: Desk) -> None:
    """A day from the last word or call, by the provider's clock; what comes late shortens nothing, nor does the future count."""
    number, now = desk.numbers[0], int(time.time())
    wanted = []
    for at, delivery in (
        (now - 3600, meta.text(number, "a", at=now - 3600)),
        (now - 3600, meta.text(number, "late", at=now - 90_000)),
        (now - 60, meta.call(number, BY_PHONE, at=now - 60)),
        (now - 60, meta.call(number, Person("15550000000", None), at=now)),
        (now - 30, meta.text(number, "b", at=now - 30)),
    ):
        await desk.deliver(delivery)
        assert await desk.work() == 0
        [row] = await desk.rows(
            "SELECT extract(epoch FROM window_expires_at)::bigint AS until FROM contacts WHERE tenant_id = $1"
        )
        wanted.append((row["until"], at + 24 * 3600))
    assert [found for found, _ in wanted] == [expected for _, expected in wanted]
    for strange in ("99999999999", "1e9", "", "9" * 30, str(now + 10**6)):
        await desk.deliver(meta.text(number, "when?", Person("15557770005", f"US.{len(strange)}", "Ed"), at=strange))
    rows = await desk.rows(
        "SELECT window_expires_at < now() + interval '24 hours 1 second' AS soon FROM contacts WHERE tenant_id = $1"
    )
    assert [row["soon"] for row in rows] == [True] * len(rows)
    late = await desk.rows("SELECT 1 FROM messages WHERE tenant_id = $1 AND sent_at > now()")
    assert late == [], "a time that has not come is none"


async def test_leaving_and_coming_back(desk: Desk) -> None:
    number, now = desk.numbers[0], int(time.time())
    for word, at, out in (("hello", 0, False), ("STOP", 1, True), ("stop", 2, True), ("start", 0, True), ("START", 3, False)):
        await desk.deliver(meta.text(number, word, at=now - 100 + at))
        [row] = await desk.rows("SELECT opted_out_at IS NOT NULL AS out FROM contacts WHERE tenant_id = $1")
        assert row["out"] == out, word


async def test_one_at_a_time_finds_or_makes_contacts(desk: Desk) -> None:
    """While another process makes a contact of the account, ingest waits for it: it would make the same person once more."""
    number, account, scope = desk.numbers[0], desk.accounts[0], desk.scopes[0]
    async with desk.db.tenant(scope) as session:
        await session.execute("SELECT contacts_hold($1)", account)
        await session.fetchval("SELECT (contact_at($1, $2, ARRAY[$3::text], 'Ann')).contact", scope.tenant_id, account, PHONE)
        coming = asyncio.create_task(desk.deliver(meta.text(number, "hello", ANN)))
        waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"

        async def decided() -> bool:
            return coming.done() or bool(await session.fetchval(waits))

        await until(decided)
    assert await coming == ["ready"]
    assert await desk.contacts() == [(OWN, PHONE)], "there is one of them, and nothing to merge"
