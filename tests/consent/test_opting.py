"""STOP and START: what they do in the transaction in which they are stored, and the one confirmation of each."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import orjson
import pytest

from konstruct.channels.events_handling import Received
from konstruct.channels.opting import Opting, Preferences
from konstruct.channels.port_events import ChannelEvent, PreferenceChanged, restored
from konstruct.conversations.consent import confirmations, consents_repository, words
from konstruct.conversations.part import Part
from tests.consent.numbers import ORDER, PROMO, Number, hear_in
from tests.support.consenting import agree


def _render(_kind: str, _channel: str, _thread: str | None, _participants: frozenset[str], text: str) -> list[Part]:
    return [Part(text)]


class Talk:
    """One person's conversation with a business, and the worker behind it."""

    def __init__(self, number: Number, contact_id: UUID, conversation_id: UUID) -> None:
        self.number, self.contact_id, self.conversation_id = number, contact_id, conversation_id
        self.began = datetime.now(UTC) - timedelta(hours=1)

    async def hear(self, text: str, minute: float) -> UUID:
        """Store a word as ingest does, sent so many minutes after the beginning; return the message's id."""
        at = self.began + timedelta(minutes=minute)
        async with self.number.db.tenant(self.number.scope) as session:
            message_id = await hear_in(session, self.conversation_id, self.contact_id, text, at)
            if opt := words.meaning(text):
                tenant_id = self.number.scope.tenant_id
                sql = "SELECT contact_opts($1, $2, $3, $4, $5)"
                await session.execute(sql, tenant_id, self.contact_id, opt, message_id, at)
        return message_id

    async def work(self) -> None:
        """Handle what waits, each event twice, as after a crash."""
        handler = Opting(self.number.db, _render)
        for row in await self.number.rows("SELECT id, kind, content FROM channel_events WHERE tenant_id = $1 AND kind = 'opted'"):
            event: ChannelEvent = restored(row["kind"], orjson.loads(row["content"]))
            for attempt in (1, 2):
                try:
                    await handler.opted(Received(self.number.scope, self.number.account_id, event, attempt, 0.0))
                except asyncpg.UniqueViolationError:
                    pytest.fail("a confirmation was written twice")
        await self.number.rows("DELETE FROM channel_events WHERE tenant_id = $1")

    async def said(self) -> list[str]:
        """Return what was put into the outbox besides templates, in order."""
        sql = "SELECT body FROM deliveries WHERE tenant_id = $1 AND conversation_id = $2 AND form = 'text' ORDER BY position"
        return [row["body"] for row in await self.number.rows(sql, self.conversation_id)]

    async def may(self) -> set[str]:
        """Return what they may be written to for."""
        async with self.number.db.tenant(self.number.scope) as session:
            live = [
                purpose
                for purpose in ("marketing", "utility")
                if await consents_repository.live(session, self.contact_id, purpose)
            ]
        return set(live)


async def _talk(number: Number, digits: str = "4915112345678") -> Talk:
    contact_id = await number.contact(digits)
    await agree(number.db, number.scope, contact_id)
    return Talk(number, contact_id, await number.conversation(contact_id, wrote=True))


BOTH = {"marketing", "utility"}


async def test_stop_ends_it_all_at_once_and_is_confirmed_once(pair: tuple[Number, Number]) -> None:
    talk, other = await _talk(pair[0]), await _talk(pair[1])
    promo, order = await talk.number.put(talk.conversation_id, use=PROMO), await talk.number.put(talk.conversation_id, use=ORDER)
    reply = await talk.number.put(talk.conversation_id, "reply", None)
    theirs = await other.number.put(other.conversation_id)
    stop = await talk.hear("  Stopp!! 🛑", 1)
    states = {
        row["id"]: (row["state"], row["reason"])
        for row in await talk.number.rows("SELECT id, state, reason FROM deliveries WHERE tenant_id = $1")
    }
    assert states == {promo: ("cancelled", "no_consent"), order: ("cancelled", "no_consent"), reply: ("pending", None)}
    assert await talk.number.value("SELECT state FROM messages WHERE tenant_id = $1 AND id = $2", stop) == "settled"
    [row] = await talk.number.rows("SELECT * FROM withdrawals WHERE tenant_id = $1")
    assert (row["message_id"], row["said"], row["purpose"], row["source"]) == (stop, "  Stopp!! 🛑", "any", "conversation")
    assert await talk.may() == set() and await other.may() == BOTH
    assert await other.number.value("SELECT state FROM deliveries WHERE tenant_id = $1 AND id = $2", theirs) == "pending"
    await talk.hear("STOP", 2)
    await talk.work()
    await talk.hear("unsubscribe", 3)
    await talk.work()
    german = confirmations.confirmation("Stopp", wants=False)
    assert await talk.said() == ["Spring is here.", german] and german.startswith("Sie erhalten keine")
    assert await other.said() == []
    # Replies go on.
    await talk.number.put(talk.conversation_id, "reply", None)
    with pytest.raises(asyncpg.CheckViolationError):
        await talk.number.put(talk.conversation_id)
    # What the business records now changes nothing: only the person can come back.
    await agree(talk.number.db, talk.number.scope, talk.contact_id, obtained_at=datetime.now(UTC) - timedelta(minutes=1))
    assert await talk.may() == set()


async def test_start_comes_back_and_is_confirmed_once(pair: tuple[Number, Number]) -> None:
    talk = await _talk(pair[0])
    early = await talk.hear("START", 1)
    assert await talk.number.value("SELECT state FROM messages WHERE tenant_id = $1 AND id = $2", early) == "human", "nobody left"
    await talk.hear("STOP", 2)
    start = await talk.hear("start", 3)
    await talk.hear("start", 4)
    await talk.work()
    assert await talk.may() == BOTH
    consents = await talk.number.rows("SELECT * FROM consents WHERE tenant_id = $1 AND source = 'conversation'")
    assert [(row["message_id"], row["wording"], row["purpose"]) for row in consents] == [(start, "start", "any")]
    said = [confirmations.confirmation("STOP", wants=False), confirmations.confirmation("start", wants=True)]
    assert sorted(await talk.said()) == sorted(said)
    await talk.number.put(talk.conversation_id)
    # The word of a moment before, come late, changes nothing: the later one holds, whichever comes first.
    await talk.hear("STOP", 2.5)
    await talk.work()
    assert await talk.may() == BOTH and len(await talk.said()) == 2
    await talk.hear("STOP", 10)
    late = await talk.hear("START", 9)
    assert await talk.may() == set()
    assert await talk.number.value("SELECT state FROM messages WHERE tenant_id = $1 AND id = $2", late) == "human"
    # Within one second of the provider's clock: the one that comes last holds.
    await talk.hear("START", 10)
    assert await talk.may() == BOTH
    await talk.hear("STOP", 10)
    assert await talk.may() == set()


async def test_two_stops_at_once_are_confirmed_once(pair: tuple[Number, Number]) -> None:
    talk = await _talk(pair[0])
    await asyncio.gather(talk.hear("STOP", 1), talk.hear("STOP", 1), talk.hear("STOP", 1))
    await talk.work()
    assert len(await talk.said()) == 1


async def test_what_people_tell_the_provider_counts(pair: tuple[Number, Number]) -> None:
    talk, other = await _talk(pair[0]), await _talk(pair[1])
    number, began = talk.number, time.time() - 3600
    handler = Preferences(number.db)

    async def tell(wants: bool, minute: float, person: str = "4915112345678", *aliases: str) -> None:
        event = PreferenceChanged(
            account_key=number.account_key, app_id=None, event_key=f"p{minute}", person_id=person, wants=wants,
            category="marketing_messages", at=began + 60 * minute, aliases=aliases,
        )  # fmt: skip
        await handler.changed(Received(number.scope, number.account_id, event, 1, 0.0))

    await tell(True, 0)
    assert await number.value("SELECT count(*) FROM consents WHERE tenant_id = $1 AND source = 'provider'") == 0, "nobody left"
    promo, order = await number.put(talk.conversation_id, use=PROMO), await number.put(talk.conversation_id, use=ORDER)
    await tell(False, 1)
    await tell(False, 1)
    assert await talk.may() == {"utility"} and await other.may() == BOTH
    states = {row["id"]: row["state"] for row in await number.rows("SELECT id, state FROM deliveries WHERE tenant_id = $1")}
    assert states == {promo: "cancelled", order: "pending"}, "their order still concerns them"
    assert await number.value("SELECT count(*) FROM withdrawals WHERE tenant_id = $1") == 1
    await tell(True, 0.5)
    assert await talk.may() == {"utility"}, "an older word"
    await tell(True, 2)
    await tell(True, 2)
    assert await talk.may() == BOTH
    assert await number.value("SELECT count(*) FROM consents WHERE tenant_id = $1 AND source = 'provider'") == 1
    assert await talk.said() == [], "Meta has told them itself"
    # Somebody whom nobody knows yet, by the provider's id; tomorrow's list has their number.
    await tell(False, 3, "DE.99", "4915199999999")
    stranger = await number.value("SELECT contact_id FROM contact_aliases WHERE tenant_id = $1 AND alias = '4915199999999'")
    assert isinstance(stranger, UUID)
    await agree(number.db, number.scope, stranger)
    assert await Talk(number, stranger, talk.conversation_id).may() == {"utility"}


def test_each_language_is_answered_in_its_own_words() -> None:
    for language, said in words.OUT.items():
        text = confirmations.confirmation(said[-1], wants=False)
        assert "START" in text and len(text) <= 160, language
    assert len({confirmations.confirmation(said[-1], wants=False) for said in words.OUT.values()}) >= 10
    assert confirmations.confirmation("หยุด", wants=False) == confirmations.confirmation("stop", wants=False)
    for language in ("en", "de", "fr", "es", "pt", "it", "nl", "pl", "tr", "ar", "he", "ru", "hi", "id"):
        assert words.meaning("START") == "in" and "STOP" in confirmations._IN[language], language
