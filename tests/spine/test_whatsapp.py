"""Conversations over WhatsApp, through the real web application and the real worker: one message in, one message out."""

from __future__ import annotations

from typing import Any

import pytest

from konstruct.channels import work_sign
from konstruct.channels.whatsapp import outcomes, pace
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.tenants.vault import Vault
from tests.support import meta_events
from tests.support.fake_meta import graph_answer, shown_to, words_of
from tests.support.fake_slack import resets
from tests.support.house import until
from tests.support.meta_line import Line, open_line

Parts = tuple[Settings, Database, Vault, tuple[TenantScope, TenantScope]]


@pytest.fixture
async def parts(settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> Parts:
    # What other tests left would be worked on first.
    await db.fleet_fetch("test", "DELETE FROM tenant_jobs WHERE kind = 'channel_event'")
    return settings, db, house_vault, tenants


PATIENCE_S = 60.0
"""Some of these wait for whole send windows, on a machine that has other things to do."""


async def _until_states(line: Line, which: int, *states: str) -> None:
    async def so() -> bool:
        return await line.states(which) == list(states)

    await until(so, PATIENCE_S)


async def test_a_conversation(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_sign, "SHOW_AFTER_S", 0.0)
    async with open_line(*parts) as line:
        heard = [await line.say(which, f"When do you open, {'shop' if which == 0 else 'cafe'}?") for which in (0, 1)]
        for which in (0, 1):
            await _until_states(line, which, "sent")
            [row] = await line.rows(which)
            [seen] = shown_to(line.meta, line.numbers[which].phone_number_id)
            person = line.people[which]
            assert (seen["to"], seen["recipient"]) == (person.phone, person.user_id), "by both ids"
            assert words_of(seen) == row["body"]
            assert (seen["biz_opaque_callback_data"], seen["id"]) == (str(row["id"]), row["external_id"])
        # Each is marked as read at its own number, with the sign of typing, and nothing else is.
        for sign in line.meta.signs:
            which = [number.phone_number_id for number in line.numbers].index(sign["phone_id"])
            assert sign["message_id"] == heard[which] and sign["typing_indicator"] == {"type": "text"}
        # Receipts climb, whatever their order; those of one business concern no other.
        [row] = await line.rows(0)
        for state in ("read", "sent", "delivered"):
            status = meta_events.status(line.numbers[0], row["external_id"], state, line.people[0], delivery=str(row["id"]))
            assert await line.deliver(status) == await line.deliver(status) == 200
        await until(lambda: _receipts(line, 0, ["read"]), PATIENCE_S)
        assert await _receipts(line, 1, [None])
        # A retry of Meta's is the same message.
        again = meta_events.text(line.numbers[0], "again", line.people[0], wamid=heard[0])
        assert await line.deliver(again) == 200
        assert await line.states(0) == ["sent"]
        assert (len(line.meta.messages), line.meta.violations, line.tried()) == (2, [], 2)


async def test_a_status_settles_a_send_whose_answer_was_lost(parts: Parts) -> None:
    async with open_line(*parts) as line:
        line.meta.break_with(resets, accept=True, only="messages", times=1)
        await line.say(0, "When do you open?")
        await _until_states(line, 0, "unknown")
        [row], [seen] = await line.rows(0), line.meta.messages
        foreign = meta_events.status(line.numbers[1], seen["id"], "sent", line.people[0], delivery=str(row["id"]))
        assert await line.deliver(foreign) == 200, "another business's status proves nothing"
        status = meta_events.status(line.numbers[0], seen["id"], "delivered", line.people[0], delivery=str(row["id"]))
        assert await line.deliver(status) == 200
        await _until_states(line, 0, "sent")
        [row] = await line.rows(0)
        assert (row["external_id"], row["receipt"], row["resent"]) == (seen["id"], "delivered", False)
        await line.say(1, "And you?")
        await _until_states(line, 1, "sent")
        assert (line.tried(), len(line.meta.messages)) == (2, 2), "one message each, and no second try"


async def test_no_status_is_sent_once_more_and_never_a_third_time(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_PERSON_S", 0.05)
    async with open_line(*parts, echo_wait_s=0.2, look_up_wait_s=0.4, send_window_s=3.0) as line:
        line.meta.break_with(resets, only="messages", times=1)
        await line.say(0, "When do you open?")
        await _until_states(line, 0, "sent")
        [row] = await line.rows(0)
        assert (row["resent"], row["attempt"], line.tried(), len(line.meta.messages)) == (True, 2, 2, 1)
        assert line.counters.snapshot().count("deliveries_total", state="resent") == 1
        # Lost twice: nobody knows, and nobody is told a third time.
        line.meta.break_with(resets, accept=True, only="messages")
        await line.say(1, "When do you open?")
        await _until_states(line, 1, "failed")
        [row] = await line.rows(1)
        assert (row["reason"], row["attempt"], line.tried()) == ("outcome_unknown", 2, 4)
        letters = await line.rows(1, "SELECT reason FROM dead_letters WHERE tenant_id = $1")
        assert [letter["reason"] for letter in letters] == ["outcome_unknown"]


async def test_a_pair_that_is_too_fast_waits_and_the_others_do_not(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes, "WAIT_MAX_S", 1.0)
    monkeypatch.setattr(pace, "_PERSON_S", 0.05)
    async with open_line(*parts) as line:
        line.meta.break_with(graph_answer(131056), only="messages", at=line.numbers[0].phone_number_id)
        await line.say(0, "When do you open?")
        await until(lambda: _reasons(line, 0, ["meta_131056"]), PATIENCE_S)
        await line.say(1, "When do you open?")
        await _until_states(line, 1, "sent")
        assert line.meta.messages[0]["phone_id"] == line.numbers[1].phone_number_id
        line.meta.mend()
        await _until_states(line, 0, "sent")
        assert len(line.meta.messages) == 2


async def test_what_meta_says_of_money_and_of_the_token_reaches_the_owner(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "_PERSON_S", 0.05)
    async with open_line(*parts) as line:
        line.meta.break_with(graph_answer(131042), only="messages", times=1)
        await line.say(0, "When do you open?")
        await _until_states(line, 0, "failed")
        assert await _notices(line, 0) == ["delivery_failed", "payment_wanted"]
        # Said later, by a status, it is the same; of one business it is no other's.
        await line.say(1, "When do you open?")
        await _until_states(line, 1, "sent")
        [row] = await line.rows(1)
        assert await _notices(line, 1) == []
        late = meta_events.status(
            line.numbers[1], row["external_id"], "failed", line.people[1], delivery=str(row["id"]),
            errors=[{"code": 131042, "title": "Business eligibility payment issue"}],
        )  # fmt: skip
        assert await line.deliver(late) == 200
        await until(lambda: _noticed(line, 1, ["delivery_failed", "payment_wanted"]), PATIENCE_S)
        # A token that is over stops the account; what waits is kept.
        line.meta.break_with(graph_answer(190, status=401, subcode=463), only="messages")
        await line.say(1, "Are you there?")
        await until(lambda: _account(line, 1, ("broken", "token_expired")), PATIENCE_S)
        assert (await line.states(1))[-1] == "pending" and await _account(line, 0, ("active", None))


async def _receipts(line: Line, which: int, receipts: list[Any]) -> bool:
    return [row["receipt"] for row in await line.rows(which)] == receipts


async def _reasons(line: Line, which: int, reasons: list[str]) -> bool:
    return [row["reason"] for row in await line.rows(which)] == reasons


async def _notices(line: Line, which: int) -> list[str]:
    return sorted(row["kind"] for row in await line.rows(which, "SELECT kind FROM notices WHERE tenant_id = $1"))


async def _noticed(line: Line, which: int, kinds: list[str]) -> bool:
    return await _notices(line, which) == kinds


async def _account(line: Line, which: int, wanted: tuple[str, str | None]) -> bool:
    [row] = await line.rows(which, "SELECT status, status_reason FROM channel_accounts WHERE tenant_id = $1")
    return (row["status"], row["status_reason"]) == wanted
