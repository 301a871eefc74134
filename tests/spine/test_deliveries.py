"""Deliveries: in order, one at a time, and each shown once, whatever Slack answers."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from konstruct.channels import accounts, deliveries_repository, delivery
from konstruct.channels.patience import Patience
from konstruct.jobs import queue
from konstruct.tenants.service import set_status
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import answers
from tests.support.hand import abandon, claim, deliveries, make_due, rows, send, take_turn, working
from tests.support.house import House, until
from tests.support.puppet import Puppet
from tests.support.slack_events import echo, message

POST = "chat.postMessage"


def _posts_tried(still: House) -> int:
    return sum(method == POST for method, _ in still.slack.requests)


async def _answered(still: House, number: int = 0, channel: str = "D1", text: str = "hello") -> None:
    """Bring a question as far as the outbox."""
    await still.deliver(message(still.teams[number], channel, "U1", text))
    await take_turn(still)


async def test_parts_are_shown_in_order_one_in_flight_in_a_thread(
    house: House, model: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    team, other = house.teams
    model.says = lambda _: "\n\n".join(f"Paragraph {n}. " + "All work. " * 60 for n in range(40))
    open_in: dict[str, int] = {}
    most = 0
    real = house.slack._answer

    async def slow(method: str, token: str, request: web.Request) -> Any:
        nonlocal most
        if method != POST:
            return await real(method, token, request)
        open_in[token] = open_in.get(token, 0) + 1
        most = max(most, open_in[token])
        await asyncio.sleep(0.05)
        open_in[token] -= 1
        return await real(method, token, request)

    monkeypatch.setattr(house.slack, "_answer", slow)
    await house.deliver(message(team, "D1", "U1", "tell me all"), message(other, "D1", "U1", "tell me all"))
    await house.idle()
    assert most == 1
    for scope, each in zip(house.scopes, house.teams, strict=True):
        texts = house.texts(each)
        assert len(texts) == 3
        numbers = [int(word.rstrip(".")) for text in texts for word in text.split() if word.rstrip(".").isdigit()]
        assert numbers == sorted(numbers)
        assert set(numbers) == set(range(40))
        assert [row["external_id"] for row in await deliveries(house, scope)] == [
            post["ts"] for post in house.slack.posts if post["team"] == each.team_id
        ]


async def test_too_many_is_waited_out_and_nothing_is_lost_or_doubled(house: House) -> None:
    team, other = house.teams
    house.slack.fault, house.slack.accept = answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="1"), False
    house.slack.fault_in, house.slack.fault_times = POST, 2
    await house.deliver(message(team, "D1", "U1", "one"), message(other, "D1", "U1", "two"))
    await house.idle()
    assert [len(house.texts(each)) for each in house.teams] == [1, 1]
    assert _posts_tried(house) == 4
    found = [row for scope in house.scopes for row in await deliveries(house, scope)]
    assert [row["state"] for row in found] == ["sent", "sent"]
    assert sum(row["attempt"] for row in found) == 4
    assert not any(row["resent"] for row in found)


async def test_a_pause_that_slack_asks_for_holds_its_channel_and_nobody_else(still: House) -> None:
    slack = still.slack
    slack.fault, slack.accept = answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="600"), False
    slack.fault_in, slack.fault_times = POST, 1
    await _answered(still)
    await send(still)
    assert (_posts_tried(still), slack.posts) == (1, [])
    (row,) = await rows(
        still,
        still.scopes[0],
        "SELECT due_at - now() > interval '500 seconds' AS waits FROM ready_queue WHERE tenant_id = $1 AND lane = 'send'",
    )
    assert row["waits"]
    # Even a worker that looks early asks nobody.
    await make_due(still, still.scopes[0], "send")
    await send(still)
    assert _posts_tried(still) == 1
    await _answered(still, channel="D2")
    await send(still)
    await _answered(still, number=1)
    await send(still)
    assert [(post["team"], post["channel"]) for post in slack.posts] == [
        (still.teams[0].team_id, "D2"),
        (still.teams[1].team_id, "D1"),
    ]
    assert [row["state"] for row in await deliveries(still, still.scopes[0])] == ["pending", "sent"]


async def test_a_send_of_a_dead_holder_is_left_alone_until_its_time_is_over_and_then_unknown(still: House) -> None:
    scope = still.scopes[0]
    await _answered(still)
    dead = await claim(still, "send")
    (row,) = await deliveries(still, scope)
    assert await still.db.run(scope, lambda s: deliveries_repository.start_sending(s, dead, row["id"], 600)) is None
    await abandon(still, dead)
    await send(still)
    (row,) = await deliveries(still, scope)
    assert (row["state"], row["attempt"], _posts_tried(still)) == ("sending", 1, 0)

    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE deliveries SET sending_until = now() WHERE tenant_id = $1", scope.tenant_id)
    await make_due(still, scope, "send")
    await send(still)
    (row,) = await deliveries(still, scope)
    assert (row["state"], _posts_tried(still)) == ("unknown", 0)


async def test_a_sender_that_froze_before_the_write_posts_nothing(still: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit stands, but the monotonic clock says that the window is over: nobody may write any more."""
    await _answered(still)
    frozen = 0.0
    monkeypatch.setattr(delivery, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + frozen))
    held = await claim(still, "send")
    start = deliveries_repository.start_sending

    async def then_freeze(*args: Any) -> str | None:
        nonlocal frozen
        refused = await start(*args)
        frozen = still.settings.send_window_s + 1
        return refused

    monkeypatch.setattr(deliveries_repository, "start_sending", then_freeze)
    await still.sends(held)
    assert _posts_tried(still) == 0
    (row,) = await deliveries(still, still.scopes[0])
    assert row["state"] == "sending"


async def test_a_suspended_tenant_is_acknowledged_and_dropped_and_its_sends_wait(still: House) -> None:
    team, other = still.teams
    scope = still.scopes[0]
    await _answered(still)
    await set_status(still.db, scope.tenant_id, "suspended")
    assert await still.deliver(message(team, "D1", "U1", "anybody?"), message(other, "D1", "U1", "hello")) == [200, 200]
    assert len(await rows(still, scope, "SELECT 1 FROM messages WHERE tenant_id = $1 AND direction = 'in'")) == 1
    (letter,) = await still.db.fleet_fetch("test", "SELECT * FROM unrouted_events WHERE account_key = $1", team.team_id)
    assert (letter["reason"], letter["deliveries"]) == ("suspended", 1)
    # Only the other tenant has anything to do.
    await take_turn(still)
    await send(still)
    assert (len(still.texts(team)), len(still.texts(other))) == (0, 1)

    await set_status(still.db, scope.tenant_id, "active")
    await send(still)
    assert len(still.texts(team)) == 1


async def test_a_tenant_suspended_after_the_claim_sends_nothing(still: House) -> None:
    scope = still.scopes[0]
    await _answered(still)
    held = await claim(still, "send")
    await set_status(still.db, scope.tenant_id, "suspended")
    await still.sends(held)
    assert _posts_tried(still) == 0
    await set_status(still.db, scope.tenant_id, "active")
    await make_due(still, scope, "send")
    await send(still)
    assert len(still.texts(still.teams[0])) == 1


@pytest.mark.parametrize("code", ["token_revoked", "account_inactive", "invalid_auth"])
async def test_a_broken_account_waits_until_somebody_connects_it_again(still: House, house_vault: Vault, code: str) -> None:
    team, other = still.teams
    scope = still.scopes[0]
    await _answered(still)
    still.slack.fault, still.slack.accept = answers(200, f'{{"ok":false,"error":"{code}"}}'), False
    still.slack.fault_in, still.slack.fault_times = POST, 1
    await send(still)
    status = "SELECT status, status_reason FROM channel_accounts WHERE tenant_id = $1"
    (account,) = await rows(still, scope, status)
    assert (account["status"], account["status_reason"]) == ("broken", code)
    (account,) = await rows(still, still.scopes[1], status)
    assert account["status"] == "active"
    await make_due(still, scope, "send")
    await send(still)
    assert (_posts_tried(still), [row["state"] for row in await deliveries(still, scope)]) == (1, ["pending"])

    # At once: nobody sits out what the lane would have waited.
    await _connect_again(still, house_vault)
    await send(still)
    assert (len(still.texts(team)), len(still.texts(other))) == (1, 0)


async def _connect_again(still: House, vault: Vault) -> None:
    team = still.teams[0]
    await accounts.connect(
        still.db, vault, still.scopes[0], kind="slack", external_id=team.team_id, app_id=team.app_id,
        bot_user_id=team.bot_user_id, token=team.token,
    )  # fmt: skip


async def test_an_account_connected_while_a_sender_finds_it_broken_does_not_let_it_wait(
    still: House, house_vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = still.scopes[0]
    await _answered(still)
    (row,) = await deliveries(still, scope)
    await still.db.run(scope, lambda s: deliveries_repository.account_broken(s, row["account_id"], "token_revoked"))
    held = await claim(still, "send")
    release = queue.release

    async def connect_before(*args: Any, **more: Any) -> None:
        await _connect_again(still, house_vault)
        await release(*args, **more)

    monkeypatch.setattr(queue, "release", connect_before)
    await still.sends(held)
    assert _posts_tried(still) == 0
    monkeypatch.undo()
    await send(still)
    assert len(still.texts(still.teams[0])) == 1


async def test_connecting_again_wakes_no_lane_that_has_nothing_to_send(still: House, house_vault: Vault) -> None:
    await _answered(still)
    await send(still)
    await _connect_again(still, house_vault)
    lanes = await rows(still, still.scopes[0], "SELECT state FROM ready_queue WHERE tenant_id = $1 AND lane = 'send'")
    assert [lane["state"] for lane in lanes] == ["idle"]


async def test_a_channel_that_is_gone_is_a_dead_letter_and_does_not_block_the_next_answer(still: House) -> None:
    scope = still.scopes[0]
    await _answered(still)
    still.slack.fault, still.slack.accept = answers(200, '{"ok":false,"error":"channel_not_found"}'), False
    still.slack.fault_in, still.slack.fault_times = POST, 1
    await send(still)
    (letter,) = await rows(still, scope, "SELECT kind, reason, attempts FROM dead_letters WHERE tenant_id = $1")
    assert (letter["kind"], letter["reason"], letter["attempts"]) == ("delivery", "channel_not_found", 1)
    await _answered(still, text="again")
    await send(still)
    assert [row["state"] for row in await deliveries(still, scope)] == ["failed", "sent"]


async def test_an_answer_that_is_a_day_old_is_not_shown_any_more(still: House) -> None:
    scope = still.scopes[0]
    await _answered(still)
    async with still.db.tenant(scope) as session:
        await session.execute(
            "UPDATE deliveries SET created_at = now() - interval '25 hours' WHERE tenant_id = $1", scope.tenant_id
        )
    await send(still)
    assert _posts_tried(still) == 0
    assert [(row["state"], row["reason"]) for row in await deliveries(still, scope)] == [("failed", "expired")]


async def test_an_echo_that_overtakes_the_answer_frees_the_next_part_at_once(
    still: House, model: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call ends without an answer, but the echo has told already: nothing waits for a look into the history."""
    team, scope = still.teams[0], still.scopes[0]
    monkeypatch.setattr(still.sends, "_patience", Patience(send_s=1.0))
    model.says = lambda _: "\n\n".join(f"Paragraph {n}. " + "All work. " * 60 for n in range(20))
    await _answered(still)
    release = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response(status=500)

    still.slack.fault, still.slack.fault_in, still.slack.fault_times = hang, POST, 1
    held = await claim(still, "send")
    async with working(still, held):
        await until(lambda: still.slack.posts)
        await still.deliver(echo(team, still.slack.posts[0]))
        release.set()
    due = "SELECT state, due_at <= now() AS due FROM ready_queue WHERE tenant_id = $1 AND lane = 'send'"
    (row,) = await rows(still, scope, due)
    assert (row["state"], row["due"]) == ("ready", True)
    await send(still)
    assert [row["state"] for row in await deliveries(still, scope)] == ["sent", "sent"]
    assert len(still.texts(team)) == 2
