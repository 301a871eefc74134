"""The breaker: what was written first and went badly stops it, at once where Meta itself says so. No send gets past a stop."""

from __future__ import annotations

import asyncio

from konstruct.channels.events_handling import Received
from konstruct.channels.outreach import standing
from konstruct.channels.outreach.check import Outreach, Refused, Waits
from konstruct.channels.port import Failed
from konstruct.channels.port_events import PreferenceChanged, TemplateChanged
from konstruct.channels.quality import acting, breaker, refused
from konstruct.channels.quality.breaker import BreakerEvents
from konstruct.channels.quality.machine import Tripped
from konstruct.channels.refusals import HANDLERS, Refusal
from konstruct.kit.ids import uuid7
from tests.quality.numbers import Numbers, sent

_HOLDS = "SELECT cause FROM account_holds WHERE tenant_id = $1 AND ended_at IS NULL ORDER BY cause"


async def _held(numbers: Numbers, business: int = 0) -> list[str]:
    return [row["cause"] for row in await numbers.rows(_HOLDS, business=business)]


async def _release(numbers: Numbers) -> None:
    async with numbers.db.tenant(numbers.scopes[0]) as session:
        moved = await acting.resume(session, numbers.accounts[0], None, "Kim", "looked into")
    await acting.follow(numbers.db, numbers.scopes[0], moved)


async def test_what_went_badly_stops_writing_first_until_a_person_has_looked(numbers: Numbers) -> None:
    for business in (0, 1):
        await sent(numbers, 30, business=business)
        await numbers.watch(business)
        assert await numbers.level(business) == "open"
    cases = [("breaker_unwanted", "meta_131049"), ("breaker_unwanted", "meta_131050"), ("breaker_failed", "meta_131026")]
    for cause, reason in cases:
        await sent(numbers, 12, receipt="failed", reason=reason)
        await numbers.watch()
        assert (await numbers.level(), await _held(numbers), await numbers.notices()) == (
            "no_outreach", [cause], ["number_paused"],
        ), reason  # fmt: skip
        await numbers.watch()
        assert await _held(numbers) == [cause], "once for each"
        await _release(numbers)
        await numbers.watch()
        assert (await numbers.level(), await numbers.notices()) == ("open", []), "what was counted before counts no more"
    await sent(numbers, 6)
    some = "SELECT id FROM contacts WHERE tenant_id = $1 LIMIT 6"
    await numbers.do(f"UPDATE contacts SET opted_out_at = now() WHERE tenant_id = $1 AND id IN ({some})")
    await numbers.watch()
    assert await _held(numbers) == ["breaker_opted_out"]
    await _release(numbers)
    await sent(numbers, 110)
    await numbers.watch()
    assert await _held(numbers) == ["breaker_spike"], "far more than ever, and nobody answers"
    await _release(numbers)
    await sent(numbers, 110)
    await numbers.do("UPDATE contacts SET window_expires_at = now() + interval '24 h' WHERE tenant_id = $1")
    await numbers.watch()
    assert (await numbers.level(), await numbers.level(1), await _held(numbers, 1)) == ("open", "open", []), "people answer"


async def test_meta_s_own_word_is_enough_and_a_template_stops_all_numbers_of_its_account(numbers: Numbers) -> None:
    sister = await numbers.connect(0, waba=numbers.meta.numbers[0].waba_id)
    handle = BreakerEvents(numbers.db)

    async def template(state: str) -> None:
        event = TemplateChanged(
            account_key="x", app_id=None, event_key="x", template_id="1", name="ready", language="en", state=state
        )  # fmt: skip
        await handle.template(Received(numbers.scopes[0], numbers.accounts[0], event, 1, 0.0))

    await template("APPROVED")
    assert await numbers.level() == "open"
    await template("PAUSED")
    assert [await numbers.level(), await numbers.level(0, sister), await numbers.level(1)] == [
        "no_outreach",
        "no_outreach",
        "open",
    ]
    await _release(numbers)

    async def refuse(said: Failed, kind: str) -> None:
        refusal = Refusal(numbers.accounts[0], uuid7(), uuid7(), kind, None, said)
        async with numbers.db.tenant(numbers.scopes[0]) as session:
            await refused.outreach(session, refusal)

    assert refused.outreach in HANDLERS
    jobs = "SELECT subject_id FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'number_watch'"
    await refuse(Failed("meta_131047"), "reply")
    assert await numbers.rows(jobs) == []
    await refuse(Failed("meta_131026"), "outreach")
    assert len(await numbers.rows(jobs)) == 1 and await numbers.level() == "open"
    await refuse(Failed("meta_131048", outreach=True), "outreach")
    assert (await numbers.level(), await _held(numbers)) == ("no_outreach", ["breaker_provider", "breaker_template_paused"])
    stop = PreferenceChanged(
        account_key="x", app_id=None, event_key="x", person_id="p", wants=False, category="marketing_messages"
    )  # fmt: skip
    await numbers.do("DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'number_watch'")
    await handle.preference(Received(numbers.scopes[0], numbers.accounts[0], stop, 1, 0.0))
    assert len(await numbers.rows(jobs)) == 1


async def test_a_blocked_account_is_suspended_and_not_broken(numbers: Numbers) -> None:
    scope, account = numbers.scopes[0], numbers.accounts[0]
    assert not await breaker.blocked(numbers.db, scope, account, "missing_permission")
    assert await numbers.level() == "open"
    assert await breaker.blocked(numbers.db, scope, account, "number_blocked")
    assert await numbers.level() == "suspended"
    [row] = await numbers.rows("SELECT status FROM channel_accounts WHERE tenant_id = $1")
    assert row["status"] == "active", "its token is good, and it is asked about still"


async def test_no_send_begins_after_a_stop_and_a_stop_waits_for_those_that_have_begun(numbers: Numbers) -> None:
    """The check holds the standing until the send has begun: whatever commits first is first for both."""
    scope, account = numbers.scopes[0], numbers.accounts[0]
    wanted = Outreach(account, uuid7(), ("ready", "en"), "sending", uuid7())
    order: list[str] = []

    async def stop() -> None:
        async with numbers.db.tenant(scope) as session:
            await acting.observe(session, [account], Tripped("breaker_failed"))
        order.append("stopped")

    async with numbers.db.tenant(scope) as session:
        assert await standing.check(session, wanted) is None
        stopping = asyncio.create_task(stop())
        await _until_somebody_waits(numbers)
        order.append("begun")
    await stopping
    assert order == ["begun", "stopped"]
    async with numbers.db.tenant(scope) as session:
        found = await standing.check(session, wanted)
        assert isinstance(found, Waits) and found.reason == "number_paused"
        asked = Outreach(account, wanted.contact_id, wanted.template, "asked")
        assert await standing.check(session, asked) == Refused("number_paused")
    # And the other way round: a stop that is under way is waited for.
    await _release(numbers)
    verdicts: list[object] = []

    async def begin() -> None:
        async with numbers.db.tenant(scope) as session:
            verdicts.append(await standing.check(session, wanted))

    async with numbers.db.tenant(scope) as session:
        await acting.observe(session, [account], Tripped("breaker_failed"))
        beginning = asyncio.create_task(begin())
        await _until_somebody_waits(numbers)
        assert verdicts == []
    await beginning
    assert isinstance(verdicts[0], Waits)
    # A number of which nothing was ever said: the row to lock is made by whoever comes first.
    await numbers.do("DELETE FROM account_standings WHERE tenant_id = $1")
    async with numbers.db.tenant(scope) as session:
        await acting.observe(session, [account], Tripped("breaker_failed"))
        beginning = asyncio.create_task(begin())
        await _until_somebody_waits(numbers)
    await beginning
    assert isinstance(verdicts[1], Waits)


async def _until_somebody_waits(numbers: Numbers) -> None:
    sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    for _ in range(1000):
        if (await numbers.db.fleet_fetch("test", sql))[0]["count"]:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits: the standing is not held")
