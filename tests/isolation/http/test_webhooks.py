"""Signed deliveries of one workspace that name another one's things: nothing of the other changes, and nobody is told.

All workspaces of a platform share one app and its signing secret: a signature proves Slack, and never a tenant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from konstruct.db.scope import TenantScope
from konstruct.local.postgres import Postgres
from tests.isolation.http.cases import WEBHOOKS
from tests.isolation.http.stock import Stock, stock, twin
from tests.support import slack_events
from tests.support.hand import deliveries, rows, take_turn
from tests.support.house import House
from tests.support.slack_events import Team, echo, mention_pair, message, metadata_echo
from tests.tenants.filled import overview
from tests.tenants.support import change

Stocks = tuple[Stock, Stock]


async def _answers(house: House, delivery: dict[str, Any]) -> tuple[Any, ...]:
    """Deliver; return all that the sender is told."""
    assert house.settings.slack_signing_secret
    body = slack_events.encode(delivery)
    headers = slack_events.sign(body, house.settings.slack_signing_secret.get_secret_value())
    [(_, path)] = WEBHOOKS
    async with aiohttp.ClientSession() as http, http.post(house.url + path, data=body, headers=headers) as got:
        return got.status, await got.read(), {name: value for name, value in got.headers.items() if name != "Date"}


def _bot_of(delivery: dict[str, Any], team: Team) -> list[dict[str, Any]]:
    return [{**delivery["authorizations"][0], "team_id": team.team_id, "user_id": team.bot_user_id}]


def _named(delivery: dict[str, Any], team: Team) -> dict[str, Any]:
    return {
        **delivery,
        "event": {**delivery["event"], "team": team.team_id, "user_team": team.team_id, "source_team": team.team_id},
    }


def _forged(mine: Team, theirs: Team, other: Stock) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield deliveries to `mine` that name `theirs` in every place but the installation."""
    plain = message(mine, "D1", "U1", "plain")
    yield "another team in the event", _named(message(mine, "D1", "U1", "one"), theirs)
    yield "another team in the envelope", {**message(mine, "D1", "U1", "two"), "team_id": theirs.team_id}
    yield "another team's context", {**message(mine, "D1", "U1", "three"), "context_team_id": theirs.team_id}
    both = message(mine, "D1", "U1", "four")
    yield "two installations", {**both, "authorizations": [*both["authorizations"], *_bot_of(plain, theirs)]}
    yield "another team's bot writes", message(mine, "C1", theirs.bot_user_id, f"<@{theirs.bot_user_id}> five")
    yield "another team's thread", message(mine, "C1", "U1", "six", thread_ts=other.ids["ts"])
    yield "another team's message", {**message(mine, "D1", "U1", "seven", ts=other.ids["ts"]), "event_id": other.ids["event"]}
    yield "another team's client id", message(mine, "D1", "U1", "eight", client_msg_id=other.ids["client"])
    yield (
        "another tenant named",
        {**message(mine, "D1", "U1", "nine", tenant_id=other.ids["tenant_id"]), "tenant_id": other.ids["tenant_id"]},
    )
    yield "another mention", _named(mention_pair(mine, "C2", "U1", "ten")[0], theirs)


@pytest.fixture
async def shops(still: House) -> Stocks:
    """Both with an answered question; the second with an answer on its way, to a question known by every key that it has."""
    own, other = await stock(still, 0), await stock(still, 1)
    await still.deliver(message(still.teams[1], "D1", "U1", "a second question", client_msg_id="c-of-beta"))
    await take_turn(still)
    keys = await rows(
        still, other.scope, "SELECT external_id FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq"
    )
    events = await rows(still, other.scope, "SELECT event_key FROM inbound_events WHERE tenant_id = $1 ORDER BY received_at DESC")
    known = {"ts": keys[0]["external_id"], "event": events[0]["event_key"].rpartition(":")[2], "client": "c-of-beta"}
    return own, replace(other, ids=other.ids | known)


async def _said(house: House, scope: TenantScope) -> list[str]:
    found = await rows(house, scope, "SELECT text FROM messages WHERE tenant_id = $1 AND direction = 'in'")
    return [row["text"] for row in found]


async def test_a_delivery_stays_where_it_was_installed(still: House, shops: Stocks, cluster: Postgres) -> None:
    own, other = shops
    mine, theirs = still.teams
    usual = await _answers(still, message(mine, "D1", "U1", "usual"))
    assert usual[:2] == (200, b"")
    async with overview(cluster) as view:
        before, asked = await view.checksums(other.scope), 0
        for told, delivery in _forged(mine, theirs, other):
            assert await _answers(still, delivery) == usual, told
            assert await view.checksums(other.scope) == before, told
            asked += 1
    said = await _said(still, own.scope)
    for word in ("two", "three", "four", "five", "six", "seven", "eight", "nine"):
        assert sum(word in text.split() for text in said) == 1, f"{word}: it is a message like any other of its own workspace"
    for word in ("one", "ten"):
        assert not any(word in text.split() for text in said), f"{word}: a person of another workspace, whose words are not kept"
    assert asked == 10 and not any(other.marks[0] in text for text in said)


async def test_another_apps_delivery_is_nobodys(still: House, shops: Stocks, cluster: Postgres) -> None:
    """An app that is not the one that was installed, an unknown workspace: acknowledged alike, stored nowhere."""
    _, other = shops
    mine, theirs = still.teams
    usual = await _answers(still, message(mine, "D1", "U1", "usual"))
    async with overview(cluster) as view:
        before = [await view.checksums(stock.scope) for stock in shops]
        for team in (replace(theirs, app_id="A2"), replace(mine, app_id="A2"), replace(mine, team_id="T0NOBODY0")):
            delivery = message(team, "D1", "U1", f"foreign {other.marks[0]}")
            assert await _answers(still, delivery) == usual, team
            assert await _answers(still, echo(team, _post(theirs, other.ids["delivery_id"]))) == usual, team
        assert [await view.checksums(stock.scope) for stock in shops] == before
        # What is kept of them is a count, without a word of theirs.
        unrouted = await view.connection.fetch("SELECT to_jsonb(u)::text FROM unrouted_events u")
    assert unrouted and not any(other.marks[0] in row[0] for row in unrouted)
    await _what_is_not_signed_is_refused_alike(still, shops)


def _post(team: Team, delivery_id: str, ts: str = "1790000000.000100") -> dict[str, Any]:
    metadata = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": delivery_id}}
    return {"text": "hi", "ts": ts, "bot_id": f"B{team.team_id}", "app_id": team.app_id, "channel": "D1", "metadata": metadata}


async def test_an_echo_settles_nothing_of_another_workspace(still: House, shops: Stocks, cluster: Postgres) -> None:
    """Neither a delivery that is on its way nor one that was sent; and the sender cannot tell them from one that is not."""
    _, other = shops
    mine, theirs = still.teams
    await change(
        still.db,
        other.scope,
        "UPDATE deliveries SET state = 'unknown', unknown_since = now(), attempt = 1 WHERE tenant_id = $1 AND state = 'pending'",
    )
    [open_one] = [row for row in await deliveries(still, other.scope) if row["state"] == "unknown"]
    async with overview(cluster) as view:
        before = await view.checksums(other.scope)
        for make in (echo, metadata_echo):
            seen = []
            for value in (str(open_one["id"]), other.ids["delivery_id"], twin(str(open_one["id"]))):
                seen.append(await _answers(still, make(mine, _post(mine, value, slack_events.new_ts()))))
                forged = make(mine, {**_post(theirs, value, slack_events.new_ts()), "team": theirs.team_id})
                seen.append(await _answers(still, forged))
                seen.append(await _answers(still, {**forged, "team_id": theirs.team_id, "event_id": f"Ev{value}"}))
            assert all(each == seen[0] for each in seen) and seen[0][:2] == (200, b""), make.__name__
        assert await view.checksums(other.scope) == before
    # The control: in its own workspace the same echo settles it.
    await _answers(still, echo(theirs, _post(theirs, str(open_one["id"]), slack_events.new_ts())))
    assert {row["state"] for row in await deliveries(still, other.scope) if row["id"] == open_one["id"]} == {"sent"}


async def _what_is_not_signed_is_refused_alike(still: House, shops: Stocks) -> None:
    """Whether the workspace is known, unknown or another's: who cannot sign learns nothing of that."""
    [(_, path)] = WEBHOOKS
    answers = []
    teams = (*still.teams, replace(still.teams[0], team_id="T0NOBODY0"))
    for team in teams:
        body = slack_events.encode(message(team, "D1", "U1", "hello"))
        headers = slack_events.sign(body, "another secret")
        async with aiohttp.ClientSession() as http, http.post(still.url + path, data=body, headers=headers) as got:
            answers.append((got.status, await got.read()))
    assert len(set(answers)) == 1 and answers[0][0] == 401
    assert "hello" not in await _said(still, shops[0].scope)
