"""The reply window decides before anything is sent: what comes too late waits, templates go past it, and Meta is never asked."""

from __future__ import annotations

from uuid import UUID

import asyncpg
import pytest

from konstruct.channels.events_handling import Received
from konstruct.channels.outreach import checks
from konstruct.channels.outreach.check import Outreach, Verdict, Waits
from konstruct.channels.port_events import Receipt
from konstruct.channels.receipts import Receipts
from konstruct.conversations import ownership
from konstruct.db.session import TenantSession
from tests.outreach.lines import Line, Lines
from tests.support.fake_meta import graph_answer

WAITS = ("pending", "window_closed")


def _states(found: list[tuple[str, str | None, str]]) -> list[tuple[str, str | None]]:
    return [(state, reason) for state, reason, _ in found]


async def test_an_answer_that_comes_too_late_waits_and_goes_out_when_they_write(lines: Lines) -> None:
    here, other = lines.of
    await lines.hear(here)
    await lines.hear(other)
    await lines.close(here)
    for line in lines.of:
        await lines.say(line, "first")
        await lines.say(line, "second")
        await lines.settle(line)

    # The one whose window is open is answered as ever; of the other Meta is not even asked.
    assert lines.shown(other) == ["first", "second"]
    assert (lines.shown(here), lines.calls(here), lines.meta.violations) == ([], 0, [])
    assert _states(await lines.deliveries(here)) == [WAITS, WAITS]
    assert await lines.notices(here) == [("answer_waits", 1, True)] and await lines.notices(other) == []
    assert not await lines.send(here), "the lane waits, and does not turn"

    # A later answer takes its place behind them, and the owner is not told once more of what is known.
    await lines.say(here, "third")
    await lines.settle(here)
    assert _states(await lines.deliveries(here)) == [WAITS, WAITS, WAITS] and lines.calls(here) == 0

    await lines.hear(here, "Hello again")
    assert await lines.send(here), "whoever opens the window calls the sender"
    await lines.settle(here)
    assert lines.shown(here) == ["first", "second", "third"], "at once, and in order"
    assert [known[2] for known in await lines.notices(here)] == [False], "settled by itself"
    assert lines.meta.violations == []


async def test_a_template_goes_past_what_waits(lines: Lines) -> None:
    here, _ = lines.of
    await lines.hear(here)
    await lines.close(here)
    for number in range(60):
        await lines.say(here, f"answer {number}")
    await lines.settle(here)
    assert isinstance(await lines.template(here), UUID)
    assert [known[2] for known in await lines.notices(here)] == [False], "what the owner was asked for is done"
    await lines.settle(here)
    assert lines.shown(here) == ["order_ready"], "however many wait before it"
    assert {state for state, _ in _states(await lines.deliveries(here))[:60]} == {"pending"}
    # What waits keeps waiting, in its order; nobody is told anew of what was known.
    await lines.hear(here)
    await lines.settle(here)
    assert lines.shown(here) == ["order_ready", *(f"answer {number}" for number in range(60))]
    assert lines.meta.violations == []


async def test_what_waits_ends_with_its_time_its_owner_or_its_sense(lines: Lines) -> None:
    here, other = lines.of
    for line in lines.of:
        await lines.hear(line)
        await lines.close(line)
    await lines.say(here, "too old soon")
    await lines.settle(here)
    await _age(lines, here, "25 hours")
    await _due(lines, here)
    await lines.settle(here)
    [(state, reason, _)] = await lines.deliveries(here)
    assert (state, reason) == ("failed", "expired")
    letters = await lines.rows(here, "SELECT kind FROM dead_letters WHERE tenant_id = $1")
    assert [row["kind"] for row in letters] == ["delivery"]
    assert [known[2] for known in await lines.notices(here)] == [False]

    # A colleague takes over: the employee's answer is cancelled, and so is a word about who answers, in a closed window.
    await lines.say(other, "from the employee")
    await lines.settle(other)
    assert await lines.notices(other) == [("answer_waits", 1, True)]
    await _take_over(lines, other)
    await lines.say(other, "A colleague has joined.", "notice")
    await lines.settle(other)
    assert _states(await lines.deliveries(other)) == [("cancelled", "owner_changed"), ("cancelled", "window_closed")]
    assert [known[2] for known in await lines.notices(other)] == [False]
    assert lines.meta.requests == [each for each in lines.meta.requests if not each[1].endswith("/messages")]


async def test_the_database_refuses_what_the_sender_should_not_have_tried(lines: Lines) -> None:
    """By a raw UPDATE of the app role, whoever runs it: neither a closed window nor somebody who never wrote."""
    here, other = lines.of
    begin = (
        "UPDATE deliveries SET state = 'sending', sending_since = now(), sending_until = now() + interval '10 s'"
        " WHERE tenant_id = $1 AND conversation_id = $2 AND form = $3"
    )
    await lines.say(other, "nobody wrote here")
    await lines.hear(here)
    await lines.say(here, "an answer")
    await lines.close(here, ago_s=0.5)
    assert isinstance(await lines.template(here), UUID)
    for line in lines.of:
        with pytest.raises(asyncpg.CheckViolationError, match="only a template") as refused:
            await lines.rows(line, begin, line.conversation_id, "text")
        assert refused.value.constraint_name == "deliveries_in_window"
    into = (
        "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
        " owner_epoch, state, sending_until)"
        " SELECT tenant_id, uuidv7(), conversation_id, account_id, message_id, position, 9, kind, channel_id,"
        " body, owner_epoch, 'sending', now() FROM deliveries WHERE tenant_id = $1 AND form = 'text'"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="only a template"):
        await lines.rows(here, into)
    # The controls: a template may be begun, and a free text while the window is open.
    await lines.rows(here, begin, here.conversation_id, "template")
    await lines.hear(other)
    await lines.rows(other, begin, other.conversation_id, "text")


async def test_what_meta_refuses_for_its_own_clock_waits_likewise(lines: Lines) -> None:
    here, other = lines.of
    for line in lines.of:
        await lines.hear(line)
        await lines.say(line, "an answer")
    lines.meta.break_with(graph_answer(131047), only="messages", times=1)
    await lines.settle(here)
    assert _states(await lines.deliveries(here)) == [WAITS] and lines.calls(here) == 1, "asked once, and not again and again"
    assert await lines.notices(here) == [("answer_waits", 1, True)]
    await lines.hear(here)
    await lines.settle(here)
    assert lines.shown(here) == ["an answer"]

    # Meta takes most of them first, and says so later by a status.
    await lines.settle(other)
    [sent] = await lines.rows(other, "SELECT id, external_id FROM deliveries WHERE tenant_id = $1 AND state = 'sent'")
    await _failed_later(lines, other, str(sent["id"]), sent["external_id"])
    await lines.settle(other)
    assert _states(await lines.deliveries(other)) == [WAITS]
    assert await lines.notices(other) == [("answer_waits", 1, True)]
    await lines.hear(other)
    await lines.settle(other)
    assert lines.shown(other) == ["an answer", "an answer"] and _states(await lines.deliveries(other)) == [("sent", None)]


async def test_a_waiting_outreach_holds_up_no_answer(lines: Lines) -> None:
    here, _ = lines.of
    await lines.hear(here)
    assert isinstance(await lines.template(here), UUID)
    await lines.say(here, "an answer")

    async def full(session: TenantSession, outreach: Outreach) -> Verdict:
        return Waits(3600.0, "volume_full") if outreach.stage == "sending" else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "CHECKS", (full,))
        await lines.settle(here)
    assert lines.shown(here) == ["an answer"], "the template waits for its turn, and is gone past"
    assert _states(await lines.deliveries(here)) == [("pending", None), ("sent", None)]
    await _due(lines, here)
    await lines.settle(here)
    assert lines.shown(here) == ["an answer", "order_ready"]


async def _age(lines: Lines, line: Line, by: str) -> None:
    sql = f"UPDATE deliveries SET created_at = created_at - interval '{by}' WHERE tenant_id = $1 AND conversation_id = $2"
    await lines.rows(line, sql, line.conversation_id)


async def _due(lines: Lines, line: Line) -> None:
    sql = "UPDATE ready_queue SET due_at = now() WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'send'"
    await lines.rows(line, sql, line.conversation_id)


async def _take_over(lines: Lines, line: Line) -> None:
    async def work(session: TenantSession) -> int:
        return await ownership.change_owner(session, line.conversation_id, "human")

    await lines.house.db.run(line.scope, work)


async def _failed_later(lines: Lines, line: Line, delivery: str, external_id: str) -> None:
    receipt = Receipt(
        account_key=line.number.phone_id, app_id=None, event_key="s1", channel_id=line.number.digits, external_id=external_id,
        state="failed", delivery=delivery, reason="131047",
    )  # fmt: skip
    await Receipts(lines.house.db, {"whatsapp": lines.adapter})(Received(line.scope, line.account_id, receipt, 1, 0.0))
