"""Nothing with which a business begins gets into the database, or out of it, without a live consent: whoever writes the SQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from konstruct.channels import deliveries_repository
from konstruct.conversations import forgetting_repository
from konstruct.conversations.consent import consents_repository, people_repository
from konstruct.conversations.consent.recorder import PERSON, Recorder
from konstruct.conversations.forgetting_repository import Person
from konstruct.conversations.template_use import TemplateUse
from konstruct.jobs.queue import Claim
from konstruct.kit.ids import uuid7
from tests.consent.numbers import DIGITS, ORDER, PROMO, Number, contact_in, conversation_in, put_in
from tests.support.consenting import agree, agree_in
from tests.support.house import until

DAY = timedelta(days=1)


def _now() -> datetime:
    return datetime.now(UTC)


async def _refused(work: Awaitable[object], case: str) -> None:
    try:
        await work
    except asyncpg.CheckViolationError as error:
        assert consents_repository.missing(error), case
    else:
        pytest.fail(f"{case}: was not refused")


class _UndoneError(Exception):
    """Takes back what a case has made."""


Case = Callable[["_Case"], Awaitable[None]]


class _Case:
    """A contact of its own in a transaction that comes to nothing."""

    def __init__(self, session: object, number: Number, contact_id: UUID) -> None:
        self.session, self.number, self.contact_id = session, number, contact_id

    async def agree(self, **more: object) -> UUID:
        return await agree_in(self.session, self.contact_id, **more)  # type: ignore[arg-type]

    async def withdraw(self, purpose: str = "any", at: datetime | None = None) -> None:
        await consents_repository.withdraw(self.session, self.contact_id, "hand", purpose, PERSON, at=at)  # type: ignore[arg-type]


async def _nothing(_: _Case) -> None:
    """No consent at all."""


async def _agreed(case: _Case) -> None:
    await case.agree()


async def _marketing(case: _Case) -> None:
    await case.agree(purpose="marketing")


async def _utility(case: _Case) -> None:
    await case.agree(purpose="utility")


async def _unattested(case: _Case) -> None:
    await case.agree(attested=False)


async def _expired(case: _Case) -> None:
    await case.agree(expires_at=_now() - timedelta(hours=1))


async def _future(case: _Case) -> None:
    await case.agree(obtained_at=_now() + DAY)


async def _withdrawn(case: _Case) -> None:
    await case.agree()
    await case.withdraw()


async def _old_after_withdrawal(case: _Case) -> None:
    await case.withdraw()
    await case.agree()


async def _new_after_withdrawal(case: _Case) -> None:
    await case.withdraw(at=_now() - 2 * DAY)
    await case.agree()


async def _no_offers(case: _Case) -> None:
    await case.agree()
    await case.withdraw("marketing")


async def _opted_out(case: _Case) -> None:
    await case.agree()
    sql = "UPDATE contacts SET opted_out_at = $3 WHERE tenant_id = $1 AND id = $2"
    await case.session.execute(sql, case.number.scope.tenant_id, case.contact_id, _now() - 9 * DAY)  # type: ignore[attr-defined]


async def _another_person(case: _Case) -> None:
    other = await contact_in(case.session, case.number.account_id, "4915112345679")  # type: ignore[arg-type]
    await agree_in(case.session, other)  # type: ignore[arg-type]


async def _added_later(case: _Case) -> None:
    list_id = await case.agree(expires_at=_now() - timedelta(hours=1))
    sql = (
        "INSERT INTO consents (tenant_id, id, contact_id, list_id, source, purpose, how, wording, proof, obtained_at,"
        "   recorded_by_name, created_at)"
        " VALUES ($1, $2, $3, $4, 'import', 'any', 'x', 'x', 'x', $5, 'x', clock_timestamp() + '1 s')"
    )
    await case.session.execute(  # type: ignore[attr-defined]
        sql, case.number.scope.tenant_id, uuid7(), case.contact_id, list_id, _now() - timedelta(hours=1)
    )


NEWS, BOTH, NONE = {PROMO}, {PROMO, ORDER}, set[TemplateUse]()
CASES: tuple[tuple[Case, set[TemplateUse]], ...] = (
    (_nothing, NONE), (_agreed, BOTH), (_marketing, NEWS), (_utility, {ORDER}), (_unattested, NONE), (_expired, NONE),
    (_future, NONE), (_withdrawn, NONE), (_old_after_withdrawal, NONE), (_new_after_withdrawal, BOTH), (_no_offers, {ORDER}),
    (_opted_out, NONE), (_another_person, NONE), (_added_later, NONE),
)  # fmt: skip


async def test_what_consent_lets_in_and_what_not(pair: tuple[Number, Number]) -> None:
    number, other = pair
    # The other business has all the consent in the world of a person with the same digits.
    await agree(other.db, other.scope, await other.contact())
    unknown = TemplateUse("never_heard_of", "en")
    for number_of_case, (case, allowed) in enumerate(CASES):
        for use in (PROMO, ORDER, unknown):
            # A template that nobody knows is taken for an offer.
            good = PROMO in allowed if use is unknown else use in allowed
            with pytest.raises(_UndoneError):
                async with number.db.tenant(number.scope) as session:
                    contact_id = await contact_in(session, number.account_id, f"49151100{number_of_case:05}")
                    await case(_Case(session, number, contact_id))
                    # That they wrote, and may be answered, is no consent to be written to first.
                    conversation_id = await conversation_in(session, contact_id, wrote=number_of_case % 2 == 0)
                    if good:
                        await put_in(session, conversation_id, use=use)
                    else:
                        await _refused(put_in(session, conversation_id, use=use), f"{case.__name__}, {use.name}")
                    raise _UndoneError


async def test_every_form_of_beginning_is_one(pair: tuple[Number, Number]) -> None:
    number, _ = pair
    contact_id = await number.contact()
    silent, spoken = await number.conversation(contact_id), None
    for kind, use in (
        ("outreach", PROMO),
        ("reply", PROMO),
        ("notice", None),
        ("reply", None),
        ("human", None),
        ("fallback", None),
    ):
        await _refused(number.put(silent, kind, use), f"{kind} to who never wrote")
    writer = await number.contact("4915112345670")
    spoken = await number.conversation(writer, wrote=True)
    for kind, use in (("outreach", PROMO), ("human", PROMO)):
        await _refused(number.put(spoken, kind, use), f"{kind} by a template")
    reply = await number.put(spoken, "reply", None)
    # What they said may be forgotten; that they spoke is not.
    async with number.db.tenant(number.scope) as session:
        await session.execute(
            "UPDATE contacts SET window_expires_at = now() WHERE tenant_id = $1 AND id = $2", number.scope.tenant_id, writer
        )
        await session.execute("DELETE FROM messages WHERE tenant_id = $1 AND contact_id = $2", number.scope.tenant_id, writer)
    await number.put(spoken, "reply", None)
    for change in (
        'form = \'template\', extras = \'{"template": {"name": "a", "language": "en"}}\'',
        'kind = \'outreach\', form = \'template\', extras = \'{"template": {"name": "a", "language": "en"}}\'',
    ):
        sql = f"UPDATE deliveries SET {change} WHERE tenant_id = $1 AND id = $2"
        await _refused(number.rows(sql, reply), change)
    moved = f"UPDATE deliveries SET conversation_id = '{silent}', position = 99 WHERE tenant_id = $1 AND id = $2"
    await number.rows(moved, reply)
    begun = "UPDATE deliveries SET state = 'sending', sending_until = now() WHERE tenant_id = $1 AND id = $2"
    await _refused(number.rows(begun, reply), "an answer that was moved to who never wrote")
    assert await number.value("SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND kind = 'outreach'") == 0


async def test_what_is_recorded_stays(pair: tuple[Number, Number]) -> None:
    number, other = pair
    contact_id = await number.contact()
    list_id = await agree(number.db, number.scope, contact_id)
    async with number.db.tenant(number.scope) as session:
        await consents_repository.withdraw(session, contact_id, "hand", "any", Recorder("Pat"), said="by telephone")
    for table in ("consents", "consent_lists", "consent_attestations", "withdrawals", "withdrawal_ids"):
        for statement in (f"DELETE FROM {table} WHERE tenant_id = $1", f"UPDATE {table} SET tenant_id = $1 WHERE tenant_id = $1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await number.rows(statement)
    # Nobody gets at another business's: neither its list nor its person.
    stranger = await other.contact()
    theirs = {"contact_id": contact_id, "list_id": list_id}
    for name, own in (("contact_id", stranger), ("list_id", await agree(other.db, other.scope, stranger))):
        values = {**theirs, name: own}
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await other.rows(
                "INSERT INTO consents (tenant_id, id, contact_id, list_id, source, purpose, how, wording, proof, obtained_at,"
                " recorded_by_name) VALUES ($1, $2, $3, $4, 'import', 'any', 'x', 'x', 'x', now(), 'x')",
                uuid7(), values["contact_id"], values["list_id"],
            )  # fmt: skip


async def test_who_is_forgotten_is_never_written_to_first(pair: tuple[Number, Number]) -> None:
    number, other = pair
    for each in pair:
        contact_id = await each.contact()
        await agree(each.db, each.scope, contact_id)
        await each.put(await each.conversation(contact_id))
    person = Person(number.account_id, DIGITS, _now())
    for _ in range(2):
        async with number.db.tenant(number.scope) as session:
            await forgetting_repository.finish(session, person)
    [contact] = await number.rows("SELECT id, opted_out_at FROM contacts WHERE tenant_id = $1")
    [withdrawal] = await number.rows("SELECT * FROM withdrawals WHERE tenant_id = $1")
    assert (withdrawal["source"], contact["opted_out_at"]) == ("forgotten", person.until)
    assert await number.value("SELECT state FROM deliveries WHERE tenant_id = $1") == "cancelled"
    assert await number.value("SELECT count(*) FROM consents WHERE tenant_id = $1") == 1, "the evidence stays"
    await agree(number.db, number.scope, contact["id"])
    async with number.db.tenant(number.scope) as session:
        assert await consents_repository.live(session, contact["id"], "marketing") is None
        assert await people_repository.left(session, number.account_id, [DIGITS]) == {DIGITS}
    assert await other.value("SELECT state FROM deliveries WHERE tenant_id = $1") == "pending"


async def test_a_person_who_left_is_known_again(pair: tuple[Number, Number]) -> None:
    number, other = pair
    for each in pair:
        contact_id = await each.contact()
        await agree(each.db, each.scope, contact_id)
    first = await number.value("SELECT id FROM contacts WHERE tenant_id = $1")
    assert isinstance(first, UUID)
    async with number.db.tenant(number.scope) as session:
        await consents_repository.withdraw(session, first, "hand", "any", PERSON)
        await session.execute("DELETE FROM contacts WHERE tenant_id = $1 AND id = $2", number.scope.tenant_id, first)
    again = await number.contact()
    await agree(number.db, number.scope, again)
    await _refused(number.put(await number.conversation(again)), "the same digits, made anew")
    # To the other business they never said so.
    theirs = await other.value("SELECT id FROM contacts WHERE tenant_id = $1")
    assert isinstance(theirs, UUID)
    await other.put(await other.conversation(theirs))
    # Two contacts that turn out to be one: what either has withdrawn holds, and what the old one has consented to.
    old, new = await number.contact("4915112345671"), await number.contact("4915112345672")
    await agree(number.db, number.scope, old, purpose="utility")
    await number.rows("SELECT consents_follow($1, $2, $3)", old, new)
    conversation_id = await number.conversation(new)
    await number.put(conversation_id, use=ORDER)
    await _refused(number.put(conversation_id, use=PROMO), "more than the old one has agreed to")
    async with number.db.tenant(number.scope) as session:
        await consents_repository.withdraw(session, old, "hand", "any", PERSON)
    await number.rows("SELECT consents_follow($1, $2, $3)", old, new)
    await _refused(number.put(conversation_id, use=ORDER), "what the old one has withdrawn")


async def _claim(number: Number, conversation_id: UUID) -> Claim:
    await number.rows(
        "UPDATE ready_queue SET state = 'leased', epoch = 1, attempts = 1, lease_owner = gen_random_uuid(), lease = '1 h',"
        " lease_until = now() + interval '1 h' WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'send'",
        conversation_id,
    )
    return Claim(number.scope, conversation_id, "send", 1, 1)


async def test_a_withdrawal_before_the_send_always_wins(pair: tuple[Number, Number]) -> None:
    """The withdrawal is under way when the send begins: the send waits for it, and then does not happen."""
    number, _ = pair
    contact_id = await number.contact()
    await agree(number.db, number.scope, contact_id)
    conversation_id = await number.conversation(contact_id)
    delivery_id = await number.put(conversation_id)
    claim = await _claim(number, conversation_id)

    async def send() -> None:
        async with number.db.tenant(number.scope) as session:
            await deliveries_repository.start_sending(session, claim, delivery_id, 10.0)

    async with number.db.tenant(number.scope) as session:
        # The delivery itself is held by somebody else's look at it, so that the withdrawal leaves it to the send.
        async with number.db.tenant(number.scope) as looking:
            await looking.execute(
                "SELECT 1 FROM deliveries WHERE tenant_id = $1 AND id = $2 FOR SHARE", number.scope.tenant_id, delivery_id
            )
            await consents_repository.withdraw(session, contact_id, "hand", "any", PERSON)
        sending = asyncio.create_task(send())
        await _blocked(number, sending)
    await _refused(sending, "a send that began beside a withdrawal")
    assert await number.value("SELECT state FROM deliveries WHERE tenant_id = $1 AND id = $2", delivery_id) == "pending"
    # And the next look at it cancels what cannot go.
    async with number.db.tenant(number.scope) as session:
        await consents_repository.withdraw(session, contact_id, "hand", "any", PERSON)
    [row] = await number.rows("SELECT state, reason FROM deliveries WHERE tenant_id = $1")
    assert (row["state"], row["reason"]) == ("cancelled", "no_consent")


async def test_a_send_that_has_begun_is_not_undone(pair: tuple[Number, Number]) -> None:
    number, _ = pair
    contact_id = await number.contact()
    await agree(number.db, number.scope, contact_id)
    conversation_id = await number.conversation(contact_id)
    delivery_id, waiting = await number.put(conversation_id), await number.put(conversation_id, use=ORDER)
    claim = await _claim(number, conversation_id)

    async def withdraw() -> None:
        async with number.db.tenant(number.scope) as session:
            await consents_repository.withdraw(session, contact_id, "hand", "marketing", PERSON)

    async with number.db.tenant(number.scope) as session:
        await consents_repository.hold(session, contact_id)
        assert await deliveries_repository.start_sending(session, claim, delivery_id, 10.0) is None
        withdrawing = asyncio.create_task(withdraw())
        await _blocked(number, withdrawing)
    await withdrawing
    states = dict(await number.rows("SELECT id, state FROM deliveries WHERE tenant_id = $1"))
    assert states == {delivery_id: "sending", waiting: "pending"}, "what has begun, and what is still agreed to"


async def test_many_at_once_never_send_after_a_withdrawal(pair: tuple[Number, Number]) -> None:
    """Sends and withdrawals of several people at once, in any order: none deadlocks, and no send begins after the withdrawal."""
    number, _ = pair
    people = [await number.contact(f"4915112300{each:03}") for each in range(6)]
    await agree(number.db, number.scope, *people)
    plans = []
    for contact_id in people:
        conversation_id = await number.conversation(contact_id)
        delivery_id = await number.put(conversation_id)
        plans.append((contact_id, delivery_id, await _claim(number, conversation_id)))

    async def send(contact_id: UUID, delivery_id: UUID, claim: Claim) -> None:
        try:
            async with number.db.tenant(number.scope) as session:
                await consents_repository.hold(session, contact_id)
                await deliveries_repository.start_sending(session, claim, delivery_id, 10.0)
        except asyncpg.CheckViolationError as error:
            assert consents_repository.missing(error)

    async def stop(contact_id: UUID) -> None:
        async with number.db.tenant(number.scope) as session:
            await consents_repository.withdraw(session, contact_id, "hand", "any", PERSON)

    await asyncio.gather(*(work for plan in plans for work in (send(*plan), stop(plan[0]))))
    late = await number.rows(
        "SELECT d.id, d.state FROM deliveries d JOIN conversations c ON c.tenant_id = d.tenant_id AND c.id = d.conversation_id"
        " JOIN withdrawals w ON w.tenant_id = c.tenant_id AND w.contact_id = c.contact_id"
        " WHERE d.tenant_id = $1 AND (d.state = 'pending' OR d.state = 'sending' AND d.sending_since > w.withdrawn_at)"
    )
    assert [tuple(row) for row in late] == []


async def _blocked(number: Number, task: asyncio.Task[None]) -> None:
    """Wait until the task waits for a lock."""

    async def waits() -> bool:
        return task.done() or bool(await number.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND $1::uuid IS NOT NULL"))

    await until(waits)
    assert not task.done(), "it did not wait for the other"
