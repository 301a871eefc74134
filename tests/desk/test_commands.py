"""Commands, pausing, and connecting a person of the channel with a member of the business."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from konstruct.agents import turns_repository
from konstruct.channels.rates import PRIVATE
from konstruct.channels.telling import NotShownYetError
from konstruct.conversations import pausing
from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.jobs.queue import Lane
from konstruct.kit.ids import uuid7
from konstruct.tenants import employees, identities
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.roles import Role
from tests.desk.conftest import FreeLimits
from tests.support.desk import COMMANDS, INTERACTIVITY, command, desk_of, handle, post_form, words
from tests.support.fake_slack import answers
from tests.support.hand import claim, conversation, rows, take_turn, working
from tests.support.house import House, until
from tests.support.inbox import add_colleague, hand_back, reply
from tests.support.puppet import Puppet
from tests.support.queueing import HOUR_S
from tests.support.slack_events import mention_pair, message
from tests.support.slack_forms import commanded, encode, shortcut


async def link(house: House, scope: TenantScope, role: Role, user: str) -> UUID:
    """Connect a person of the first channel account with a new member; return the member's id."""
    member = await add_colleague(house.db, scope, f"Maria {role}", role)
    async with house.db.tenant(scope) as session:
        account = await session.fetchval("SELECT id FROM channel_accounts WHERE tenant_id = $1", scope.tenant_id)
        code = await identities.make_code(session, member.id)
        assert await identities.redeem(session, account, user, code) is not None
    return member.id


async def notices(house: House, scope: TenantScope) -> list[tuple[str, bool]]:
    found = await rows(house, scope, "SELECT kind, resolved_at IS NULL AS open FROM notices WHERE tenant_id = $1 ORDER BY id")
    return [(row["kind"], row["open"]) for row in found]


async def test_help_says_who_it_is_and_whatever_else_is_typed_is_help(still: House) -> None:
    team = still.teams[0]
    secret = Draft(name="Ada", instructions="a secret of the owner", must_not="a secret of the owner", policy="a secret too")
    assert (await employees.save(still.db, still.scopes[0], secret, 1, employees.By(None, "Maria"))).changed
    for typed in ("help", "", "HELP me please", "forget", "forget everything", "pause now", "human now", "nonsense " * 300):
        said = words(await command(still, team, "U1", typed))
        assert "the AI employee of" in said and "`human`" in said, typed
        assert "secret" not in said
    note = await command(still, team, "U1", "help", response_url="https://hooks.slack.com.evil.example/x")
    assert note["via"] == "chat.postEphemeral" and note["user"] == "U1", "an address that is not Slack's is not written to"
    assert note["channel"] == "D1"


async def test_who_may_pause_and_what_a_pause_does(still: House, model: Puppet) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await link(still, scope, "operator", "UOPERATOR")
    await link(still, scope, "admin", "UADMIN")
    await link(still, still.scopes[1], "owner", "UOWNER")
    for user in ("U1", "UOPERATOR", "UOWNER"):
        assert "Only an owner or admin" in words(await command(still, team, user, "pause")), user
    assert "is paused" in words(await command(still, team, "UADMIN", "pause"))
    assert "paused already" in words(await command(still, team, "UADMIN", "pause"))
    assert "I was paused by Maria admin" in words(await command(still, team, "U1", "help"))

    for text in ("one", "two"):
        await still.deliver(message(team, "D1", "U1", text))
        await take_turn(still)
    await still.deliver(*mention_pair(team, "C1", "U1", "three"))
    await take_turn(still)
    await work_off(still, "send")
    assert [("paused" in text, "answer" in text) for text in still.texts(team)] == [(True, False)] * 2, "each place once"
    assert model.requests == []
    states = await rows(still, scope, "SELECT state FROM messages WHERE tenant_id = $1 AND direction = 'in' ORDER BY seq")
    assert {row["state"] for row in states} == {"pending"}
    await still.deliver(message(still.teams[1], "D1", "U1", "the other business is not paused"))
    await take_turn(still)
    assert len(model.requests) == 1

    assert "answers again" in words(await command(still, team, "UADMIN", "resume"))
    assert "is not paused" in words(await command(still, team, "UADMIN", "resume"))
    await work_off(still, "turn")
    await work_off(still, "send")
    (both,) = [text for text in still.texts(team) if "one" in text]
    assert "two" in both and any("three" in text for text in still.texts(team))


async def work_off(house: House, lane: Lane) -> None:
    """Do all that is ready in a lane, whenever it is due, one conversation at a time."""
    waiting = "SELECT 1 FROM ready_queue WHERE tenant_id = $1 AND lane = $2 AND state = 'ready' AND due_at <= now()"
    while any([await rows(house, scope, waiting, lane) for scope in house.scopes]):
        for taken in await queue.claim(house.db, lane, uuid7(), 1, HOUR_S):
            await (house.turns if lane == "turn" else house.sends)(taken)


async def test_a_pause_meets_an_answer_under_way(still: House, model: Puppet) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await still.deliver(message(team, "D1", "U1", "question"))
    model.hold.clear()
    async with working(still, await claim(still, "turn")):
        await model.asked(1)
        async with still.db.tenant(scope) as session:
            account = await session.fetchval("SELECT id FROM channel_accounts WHERE tenant_id = $1", scope.tenant_id)
            assert await pausing.pause(session, account, "Maria")
        model.hold.set()
    await work_off(still, "send")
    (said,) = still.texts(team)
    assert "paused" in said and "question" not in said
    (turn,) = await rows(still, scope, "SELECT outcome, reason FROM turns WHERE tenant_id = $1")
    assert tuple(turn) == ("handed_over", "paused")
    async with still.db.tenant(scope) as session:
        assert await pausing.resume(session, account)
    await work_off(still, "turn")
    await work_off(still, "send")
    assert "question" in still.texts(team)[1]


async def test_a_resume_overtakes_a_hold(still: House) -> None:
    """What has just found the account paused, and is about to wait, is woken all the same."""
    team, scope = still.teams[0], still.scopes[0]
    async with still.db.tenant(scope) as session:
        account = await session.fetchval("SELECT id FROM channel_accounts WHERE tenant_id = $1", scope.tenant_id)
        await pausing.pause(session, account, "Maria")
    await still.deliver(message(team, "D1", "U1", "question"))
    held = await claim(still, "turn")
    await still.db.run(scope, lambda s: turns_repository.open_turn(s, held, 60))
    async with still.db.tenant(scope) as holding:
        await pausing.hold(holding, held, None, desk_of(still).render)
        resuming = asyncio.ensure_future(still.db.run(scope, lambda s: pausing.resume(s, account)))
        await until(lambda: rows(still, scope, "SELECT 1 FROM pg_locks WHERE NOT granted AND $1::uuid IS NOT NULL"))
    assert await resuming
    await work_off(still, "turn")
    await work_off(still, "send")
    assert ["question" in text for text in still.texts(team)] == [False, True]


async def test_a_human_is_asked_for_where_one_talks(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    assert "no conversation here" in words(await command(still, team, "U1", "human"))
    await still.deliver(message(team, "D1", "U1", "question"))
    assert "no conversation here" in words(await command(still, team, "U2", "human", "D1")), "somebody else's"
    assert "no conversation here" in words(await command(still, still.teams[1], "U1", "human")), "another business's"
    assert "asked a human colleague" in words(await command(still, team, "U1", "human"))
    assert "already" in words(await command(still, team, "U1", "human"))
    await take_turn(still)
    await work_off(still, "send")
    assert still.texts(team) == ["A human colleague has been asked to answer here."]
    assert await notices(still, scope) == [("human_wanted", True)]
    maria, where = await add_colleague(still.db, scope), await conversation(still, scope)
    await reply(still.db, scope, where, maria, "Here I am.")
    assert await notices(still, scope) == [("human_wanted", False)]
    await hand_back(still.db, scope, where, maria)

    first, second = mention_pair(team, "C1", "U2", "in a thread")
    await still.deliver(first, second, *mention_pair(team, "C1", "U2", "in another one"))
    payload = shortcut(team, "U2", "konstruct_human", "C1", first["event"]["ts"])
    payload["response_url"] = still.slack.interactive.response_url(still.slack.url)
    assert await post_form(still, INTERACTIVITY, encode(payload)) == (200, "")
    await handle(still)
    owners = await rows(still, scope, "SELECT external_key, owner FROM conversations WHERE tenant_id = $1 AND kind = 'thread'")
    assert {row["external_key"]: row["owner"] for row in owners}[f"C1:{first['event']['ts']}"] == "human"
    assert sorted(row["owner"] for row in owners) == ["ai", "human"]


async def test_a_link_takes_both_sides(still: House) -> None:
    team, other = still.teams
    scope, maria = still.scopes[0], await add_colleague(still.db, still.scopes[0], "Maria", "admin")

    async def code(expired: bool = False) -> str:
        async with still.db.tenant(scope) as session:
            made = await identities.make_code(session, maria.id)
            if expired:
                await session.execute("UPDATE member_link_codes SET expires_at = now() WHERE tenant_id = $1", scope.tenant_id)
        return made

    first = await code()
    second = await code()
    for team_of, typed in ((team, first), (other, second), (team, "AAAA-BBBB-CCCC"), (team, ""), (team, "x" * 4000)):
        assert "do not know this code" in words(await command(still, team_of, "U1", f"link {typed}")), typed[:20]
    assert "do not know this code" in words(await command(still, team, "U1", f"link {await code(expired=True)}"))
    third = await code()
    assert "connected with the portal now, as Maria (admin)" in words(await command(still, team, "U1", f"LINK {third.lower()}"))
    assert "do not know this code" in words(await command(still, team, "U2", f"link {third}")), "it works once"
    assert "connected" in words(await command(still, team, "U2", f"link {await code()}"))
    assert "Only an owner" in words(await command(still, team, "U1", "pause")), "the newer identity took the older one's place"
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE members SET role = 'viewer' WHERE tenant_id = $1 AND id = $2", scope.tenant_id, maria.id)
    assert "Only an owner" in words(await command(still, team, "U2", "pause")), "a role that was taken away"


async def test_a_repeated_delivery_and_an_event_done_twice_change_nothing(still: House, limits: FreeLimits) -> None:
    team, scope = still.teams[0], still.scopes[0]
    await link(still, scope, "admin", "UADMIN")
    body = encode(commanded(team, "UADMIN", "D1", "pause", response_url=still.slack.interactive.response_url(still.slack.url)))
    assert [await post_form(still, COMMANDS, body) for _ in range(3)] == [(200, "")] * 3
    assert await handle(still) == 1 and len(still.slack.interactive.notes) == 1
    still.slack.fault, still.slack.fault_in, still.slack.accept = answers(429, "{}", Retry_After="7"), "chat.postEphemeral", False
    fields = commanded(team, "UADMIN", "D1", "resume")
    assert await post_form(still, COMMANDS, encode(fields)) == (200, "")
    with pytest.raises(NotShownYetError):
        await handle(still)
    assert (limits.taken[-1], limits.paused) == (PRIVATE, [(PRIVATE, 7.0)])
    still.slack.fault, still.slack.accept, limits.wait_s = None, True, 7.0
    with pytest.raises(NotShownYetError):
        await handle(still)
    assert len(still.slack.interactive.notes) == 1 and [name for name, _ in still.slack.requests].count("chat.postEphemeral") == 1
    limits.wait_s = 0.0
    assert await handle(still) == 1, "it is done again, and says so"
    assert "is not paused" in words(still.slack.interactive.notes[-1])
