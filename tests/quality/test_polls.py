"""Numbers are asked about hourly, over HTTP: what is said is kept where it changed, and acted upon, each business for itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from konstruct.channels import accounts
from konstruct.channels.credentials import AccountUnusableError
from konstruct.channels.quality import acting
from konstruct.channels.quality import repository as quality
from konstruct.channels.quality.machine import COOL_S, Tripped
from konstruct.channels.quality.polls import BACKOFF_MAX_S, EVERY_S, SPREAD_S
from konstruct.jobs.poll_planning import plan_polls
from konstruct.kit.errors import ConflictError
from tests.quality.numbers import Numbers
from tests.support.fake_meta import graph_answer

_HISTORY = "SELECT quality, status, name_status, verified_name, daily_limit FROM quality_history WHERE tenant_id = $1 ORDER BY id"
_JOBS = "SELECT subject_id FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'number_poll'"


async def test_a_poll_is_one_call_and_keeps_what_changed(numbers: Numbers) -> None:
    numbers.meta.requests.clear()
    first, second = await numbers.poll(), await numbers.poll()
    assert first == second and first is not None and EVERY_S <= first < EVERY_S + SPREAD_S < 3600
    [number, _] = numbers.meta.numbers
    asked = [(verb, path) for verb, path, _ in numbers.meta.requests]
    assert asked == [("GET", number.phone_id)] * 2
    assert [tuple(row) for row in await numbers.rows(_HISTORY)] == [("GREEN", "CONNECTED", "APPROVED", "Shop", 2000)]
    numbers.say(quality_rating="YELLOW", status="SOMETHING_NEW", whatsapp_business_manager_messaging_limit="TIER_10K")
    await numbers.poll()
    assert [(*tuple(row)[:2], row["daily_limit"]) for row in await numbers.rows(_HISTORY)] == [
        ("GREEN", "CONNECTED", 2000),
        ("YELLOW", "SOMETHING_NEW", 10_000),
    ]
    row = await numbers.standing()
    assert (row["level"], row["cause"], row["daily_limit"], row["poll_failures"]) == ("no_outreach", "quality_yellow", 10_000, 0)
    assert row["polled_at"] is not None
    assert await numbers.rows(_HISTORY, business=1) == [], "the other business's number was not asked about"
    assert await numbers.level(1) == "open"


_STORY: list[tuple[dict[str, Any], str, list[str]]] = [
    ({"quality_rating": "YELLOW"}, "no_outreach", ["number_paused"]),
    ({"quality_rating": "RED"}, "replies_only", ["number_replies_only"]),
    ({"status": "BANNED"}, "suspended", ["number_suspended"]),
]


async def test_what_is_bad_is_told_once_and_gets_worse_and_better_in_one_notice_each(numbers: Numbers) -> None:
    for fields, level, notices in _STORY:
        numbers.say(**fields)
        for _ in range(2):
            await numbers.poll()
        assert (await numbers.level(), await numbers.notices()) == (level, notices), fields
    counts = await numbers.rows("SELECT kind, count, severity FROM notices WHERE tenant_id = $1 ORDER BY kind")
    assert [tuple(row) for row in counts] == [
        ("number_paused", 1, "warning"),
        ("number_replies_only", 1, "critical"),
        ("number_suspended", 1, "critical"),
    ]
    mails = await numbers.rows("SELECT 1 FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'notice_mail'")
    assert len(mails) == 3, "each graver one is mailed at once"
    assert (await numbers.level(1), await numbers.notices(1)) == ("open", [])
    # The provider takes it back: still nothing is sent before a person has looked, and then what is bad settles by itself.
    numbers.say(quality_rating="GREEN", status="CONNECTED")
    await numbers.poll()
    assert (await numbers.level(), await numbers.notices()) == ("suspended", ["number_suspended"])
    async with numbers.db.tenant(numbers.scopes[0]) as session:
        await acting.resume(session, numbers.accounts[0], None, "Kim", "Meta took it back after our appeal.")
    assert (await numbers.level(), await numbers.notices()) == ("open", [])
    held = await numbers.rows(
        "SELECT cause, ended_by_name, note FROM account_holds WHERE tenant_id = $1 ORDER BY began_at, cause"
    )
    assert [tuple(row) for row in held] == [
        ("quality_red", "Kim", "Meta took it back after our appeal."),
        ("status_banned", "Kim", "Meta took it back after our appeal."),
    ]


async def test_a_warning_ends_by_itself_after_a_day_of_green(numbers: Numbers) -> None:
    numbers.say(quality_rating="YELLOW")
    await numbers.poll()
    numbers.say(quality_rating="GREEN")
    await numbers.poll()
    assert (await numbers.level(), await numbers.notices()) == ("no_outreach", ["number_paused"])
    await numbers.age(COOL_S / 3600 - 1)
    await numbers.poll()
    assert await numbers.level() == "no_outreach"
    await numbers.age(1)
    await numbers.poll()
    assert (await numbers.level(), await numbers.notices()) == ("open", [])


async def test_what_meta_says_by_itself_holds_for_all_numbers_of_the_business_account(numbers: Numbers) -> None:
    sister = await numbers.connect(0, waba=numbers.meta.numbers[0].waba_id)
    stranger = await numbers.connect(0, waba=f"77{numbers.meta.numbers[0].phone_id}")
    await numbers.told("ACCOUNT_RESTRICTION", "limited", detail="RESTRICTED_BIZ_INITIATED_MESSAGING", whole_business=True)
    levels = [await numbers.level(0, each) for each in (numbers.accounts[0], sister, stranger)]
    assert (levels, await numbers.level(1)) == (["replies_only", "replies_only", "open"], "open")
    await numbers.told("DISABLED_UPDATE", "stopped", detail="DISABLE", whole_business=True)
    assert [await numbers.level(0, each) for each in (numbers.accounts[0], sister, stranger)] == [
        "suspended",
        "suspended",
        "open",
    ]
    # It says nothing of sending, and is in the history all the same.
    await numbers.told("PARTNER_ADDED", "good")
    past = await numbers.rows(
        "SELECT reason FROM channel_health WHERE tenant_id = $1 AND account_id = $2 ORDER BY id", numbers.accounts[0]
    )
    assert [row["reason"] for row in past] == [
        "connected", "ACCOUNT_RESTRICTION", "number_replies_only", "DISABLED_UPDATE", "number_suspended", "PARTNER_ADDED",
    ]  # fmt: skip
    with pytest.raises(ConflictError):
        async with numbers.db.tenant(numbers.scopes[0]) as session:
            await acting.resume(session, stranger, None, "Kim", "nothing to do")
    await numbers.told("DISABLED_UPDATE", "good", detail="REINSTATE", whole_business=True)
    assert await numbers.level() == "suspended", "back, and waits for a person"
    [status] = await numbers.rows("SELECT status FROM channel_accounts WHERE tenant_id = $1 AND id = $2", numbers.accounts[0])
    assert status["status"] == "active", "it is connected all the time: its token is good"


async def test_a_poll_that_fails_backs_off_and_a_dead_token_breaks_the_account(numbers: Numbers) -> None:
    numbers.meta.break_with(graph_answer(2, status=500))
    waits = [await numbers.poll() for _ in range(6)]
    assert waits == [60.0, 120.0, 240.0, 480.0, BACKOFF_MAX_S, BACKOFF_MAX_S]
    row = await numbers.standing()
    assert (row["poll_failures"], row["poll_problem"], row["polled_at"], row["level"]) == (6, "2", None, "open")
    numbers.meta.break_with(graph_answer(80007, status=400, Retry_After="1800"))
    assert await numbers.poll() == 1800.0
    numbers.meta.mend()
    assert (await numbers.poll() or 0) >= EVERY_S
    assert (await numbers.standing())["poll_failures"] == 0
    await numbers.meta.stop()
    assert (await numbers.poll() or 0) == 60.0, "nobody answers: later"
    await numbers.meta.start()
    numbers.adapter._client.base_url = numbers.meta.url.rstrip("/")
    numbers.meta.break_with(graph_answer(190, status=401))
    assert await numbers.poll() is None
    [account] = await numbers.rows("SELECT status, status_reason FROM channel_accounts WHERE tenant_id = $1")
    assert (account["status"], account["status_reason"]) == ("broken", "invalid_auth")
    numbers.meta.mend()
    numbers.meta.requests.clear()
    assert await numbers.poll() is None and numbers.meta.requests == [], "a broken account is not asked about"
    [other] = await numbers.rows("SELECT status FROM channel_accounts WHERE tenant_id = $1", business=1)
    assert other["status"] == "active"


async def test_a_suspended_number_is_asked_about_still_and_used_for_nothing_else(numbers: Numbers) -> None:
    numbers.say(status="BANNED")
    await numbers.poll()
    with pytest.raises(AccountUnusableError):
        await numbers.credentials.of(numbers.scopes[0], numbers.accounts[0])
    before = len(numbers.meta.requests)
    await numbers.poll()
    assert len(numbers.meta.requests) > before


async def test_every_connected_number_is_planned_whatever_was_lost(numbers: Numbers) -> None:
    for business in (0, 1):
        assert [row["subject_id"] for row in await numbers.rows(_JOBS, business=business)] == [numbers.accounts[business]]
    await numbers.do("DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'number_poll'")
    assert await plan_polls(numbers.db) >= 1
    assert [row["subject_id"] for row in await numbers.rows(_JOBS)] == [numbers.accounts[0]]
    await numbers.do("DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = 'number_poll'")
    await accounts.disconnect(numbers.db, numbers.vault, numbers.scopes[0], numbers.accounts[0], {})
    await plan_polls(numbers.db)
    assert await numbers.rows(_JOBS) == [], "nobody asks about a number that is disconnected"


async def test_a_hold_says_what_was_counted_and_nobody_resumes_without_a_reason(numbers: Numbers) -> None:
    async with numbers.db.tenant(numbers.scopes[0]) as session:
        for _ in range(2):
            await acting.observe(session, numbers.accounts[:1], Tripped("breaker_failed", {"sent": 50, "failed": 20}))
    [hold] = await numbers.rows("SELECT cause, level, figures, ended_at FROM account_holds WHERE tenant_id = $1")
    assert (hold["cause"], hold["level"], json.loads(hold["figures"])) == (
        "breaker_failed",
        "no_outreach",
        {"sent": 50, "failed": 20},
    )
    assert hold["ended_at"] is None
    async with numbers.db.tenant(numbers.scopes[1]) as session:
        assert await quality.holds(session, numbers.accounts[0]) == [], "another business's"
        with pytest.raises(Exception, match="no channel account"):
            await acting.resume(session, numbers.accounts[0], None, "Mallory", "let me")
    with pytest.raises(Exception, match="account_holds"):
        async with numbers.db.tenant(numbers.scopes[0]) as session:
            await acting.resume(session, numbers.accounts[0], None, "Kim", "  ")
    assert await numbers.level() == "no_outreach"
