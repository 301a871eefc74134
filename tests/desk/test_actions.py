"""Actions: one decision, by whoever may, in time, in the account they belong to; and the message says what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from konstruct.conversations import actions, actions_repository, ownership
from konstruct.conversations.actions import Decision
from konstruct.conversations.actions_repository import Action, Option, Who
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.tenants.identities import Presser
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import Role
from tests.desk.test_commands import link, work_off
from tests.support.desk import desk_of, press, words
from tests.support.hand import conversation, rows
from tests.support.house import House
from tests.support.slack_events import message

YES, NO = Option("yes", "Yes", "primary"), Option("no", "No", "danger")


async def account_of(house: House, scope: TenantScope) -> UUID:
    (row,) = await rows(house, scope, "SELECT id FROM channel_accounts WHERE tenant_id = $1")
    found: UUID = row["id"]
    return found


async def offer(house: House, scope: TenantScope, who: Who, **more: object) -> Action:
    account = await account_of(house, scope)
    return await house.db.run(
        scope,
        lambda s: actions.offer(s, account_id=account, kind="test", subject="x", options=(YES, NO), who=who, **more),  # type: ignore[arg-type]
    )


class Deciding:
    """What the test's kind does: it counts, and fails if it is told to."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.done: list[tuple[str | None, str]] = []
        self.fails = False

    async def handler(self, _session: TenantSession, action: Action, presser: Presser) -> str:
        if self.fails:
            raise RuntimeError
        self.done.append((action.decision, presser.external_id))
        return f"It is {action.decision}."

    async def __call__(self, scope: TenantScope, action: Action, who: Presser, option: str = "yes") -> Decision:
        account = await account_of(self._house, scope)
        kinds = {"test": self.handler}
        return await self._house.db.run(scope, lambda s: actions.decide(s, account, action.id, option, who, kinds))


def member(role: Role) -> Presser:
    return Presser("U9", Member(UUID(int=1), "Maria", None, role))


async def test_who_may_decide_and_how_often(still: House) -> None:
    ours, theirs = still.scopes
    decide = Deciding(still)
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"), message(still.teams[1], "D1", "U2", "hello"))
    where = await conversation(still, ours)
    for who, may, may_not in (
        (actions.only("U1"), Presser("U1"), [Presser("U2"), member("owner")]),
        (actions.anyone_in(where), Presser("U1"), [Presser("U2"), member("owner")]),
        (actions.members_from("admin"), Presser("U1", Member((await link(still, ours, "owner", "U1")), "P", None, "owner")),
         [Presser("U1"), member("operator"), member("viewer")]),
    ):  # fmt: skip
        action = await offer(still, ours, who)
        for presser in may_not:
            assert (await decide(ours, action, presser)).verdict == "refused", (who.kind, presser.external_id)
        foreign = await decide(theirs, action, may)
        assert (foreign.verdict, foreign.action) == ("unknown", None), who.kind
        assert (await decide(ours, action, may, "perhaps")).verdict == "unknown"
        first, second = await decide(ours, action, may), await decide(ours, action, may, "no")
        assert (first.verdict, first.words) == ("decided", "It is yes.")
        assert (second.verdict, second.words) == ("already", "It is yes.") and second.action == first.action
        assert decide.done == [("yes", "U1")], who.kind
        decide.done.clear()


async def test_its_time_is_over(still: House) -> None:
    scope, decide = still.scopes[0], Deciding(still)
    action = await offer(still, scope, actions.only("U1"), lifetime_s=0.0)
    assert (await decide(scope, action, Presser("U2"))).verdict == "refused"
    late = await decide(scope, action, Presser("U1"))
    assert late.verdict == "expired" and late.action is not None and late.action.state == "expired"
    assert late.words != actions.WORDS["refused"] and decide.done == []


async def test_a_decision_stands_or_falls_with_what_it_does(still: House) -> None:
    scope, decide = still.scopes[0], Deciding(still)
    action = await offer(still, scope, actions.only("U1"))
    decide.fails = True
    with pytest.raises(RuntimeError):
        await decide(scope, action, Presser("U1"))
    decide.fails = False
    assert (await decide(scope, action, Presser("U1"), "no")).words == "It is no."


async def test_a_thousand_presses_at_once_give_one_decision(still: House) -> None:
    scope, decide = still.scopes[0], Deciding(still)
    action = await offer(still, scope, actions.only("U1"))
    presses = [decide(scope, action, Presser("U1"), "yes" if number % 2 else "no") for number in range(1000)]
    found = Counter((each.verdict, each.words) for each in await asyncio.gather(*presses))
    ((decision, _),) = decide.done
    assert found == {("decided", f"It is {decision}."): 1, ("already", f"It is {decision}."): 999}


async def test_a_page_that_is_shown_often_fills_nothing(still: House) -> None:
    scope = still.scopes[0]
    first, second = await offer(still, scope, actions.only("U1")), await offer(still, scope, actions.only("U1"))
    other = await offer(still, scope, actions.only("U2"))
    assert first == second != other and first.id.version == 4, "an id that tells nothing of when others were made"
    async with still.db.tenant(scope) as session:
        sql = "UPDATE actions SET expires_at = now() - interval '91 days' WHERE tenant_id = $1 AND id = $2"
        await session.execute(sql, scope.tenant_id, first.id)
    third = await offer(still, scope, actions.only("U1"))
    left = await rows(still, scope, "SELECT id FROM actions WHERE tenant_id = $1")
    assert {row["id"] for row in left} == {other.id, third.id}


async def test_the_message_says_what_came_of_it(still: House) -> None:
    ours, theirs = still.scopes
    team, render = still.teams[0], desk_of(still).render
    await still.deliver(message(team, "D1", "U1", "hello"), message(still.teams[1], "D1", "U1", "hello"))
    for scope in still.scopes:
        where = await conversation(still, scope)
        await still.db.run(scope, lambda s, where=where: ownership.ask_for_human(s, where, render))  # type: ignore[misc]
    await work_off(still, "send")
    account, posts = await account_of(still, ours), still.slack.posts

    async def show(session: TenantSession) -> Action:
        message_id = await session.fetchval(
            "SELECT message_id FROM deliveries WHERE tenant_id = $1 AND state = 'sent'", session.scope.tenant_id
        )
        return await actions.offer(
            session, account_id=account, kind="resume", subject="x", options=(YES,), who=actions.members_from("admin"),
            message_id=message_id,
        )  # fmt: skip

    await link(still, ours, "admin", "UADMIN")
    await link(still, ours, "viewer", "UVIEWER")
    action = await still.db.run(ours, show)
    button = {"type": "button", "action_id": "konstruct_act_0", "block_id": "b", "value": action.button_id(YES)}
    mine, foreign = (next(post for post in posts if post["team"] == each.team_id) for each in still.teams)
    notes = still.slack.interactive.notes
    await press(still, team, "UVIEWER", button, mine)
    assert words(notes[-1]) == actions.WORDS["refused"] and still.slack.interactive.updates == []
    await press(still, still.teams[1], "UADMIN", button, foreign)
    assert words(notes[-1]) == actions.WORDS["unknown"] and still.slack.interactive.updates == []
    # The payload may say that it stands anywhere: our rows know where it does.
    await press(still, team, "UADMIN", button, {**mine, "channel": "C2", "ts": "1.000001"})
    (update,) = still.slack.interactive.updates
    assert (update["channel"], update["ts"]) == ("D1", mine["ts"]) and mine["controls"] == []
    assert words(mine) == f"{ownership.WANTED}\n\n{action_words(still)}"
    await press(still, team, "UADMIN", button, mine)
    assert len(still.slack.interactive.updates) == 2 and words(notes[-1]) == action_words(still), "again, and it says the same"
    for value in ("", "x", "0" * 32, f"{action.id.hex}.", f"{action.id}.yes", f"{action.id.hex}.{'y' * 41}"):
        await press(still, team, "UADMIN", {**button, "value": value}, mine)
        assert words(notes[-1]) == actions.WORDS["unknown"], value
    assert await rows(still, theirs, "SELECT 1 FROM actions WHERE tenant_id = $1") == []
    found = await still.db.run(ours, lambda s: actions_repository.find(s, action.id))
    assert found is not None and (found.state, found.decision, found.decided_by) == ("decided", "yes", "UADMIN")


def action_words(house: House) -> str:
    """What comes of resuming an employee that is not paused."""
    return "Ada is not paused."
