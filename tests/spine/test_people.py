"""What people are called: asked for once a day and person, in their own workspace; where nobody says, the id stays."""

from __future__ import annotations

from uuid import UUID

from konstruct.conversations import contacts_repository, indexing
from konstruct.conversations.inbox_repository import Filter, list_conversations
from konstruct.conversations.search import search
from konstruct.db.scope import TenantScope
from tests.support.fake_slack import answers
from tests.support.hand import rows
from tests.support.happened import handle
from tests.support.house import House
from tests.support.slack_events import message


def asked(house: House) -> list[tuple[str, str]]:
    """Return (token, person) of each question for a name."""
    calls = zip(house.slack.requests, house.slack.calls, strict=True)
    return [(token, parameters["user"]) for (method, token), (_, parameters) in calls if method == "users.info"]


async def shown(house: House, scope: TenantScope) -> set[str | None]:
    listed, _ = await house.db.run(scope, lambda s: list_conversations(s, Filter()))
    return {each.person for each in listed}


async def test_the_inbox_shows_names(still: House) -> None:
    for team, name in zip(still.teams, ("Robin of Alpha", "Robin of Beta"), strict=True):
        profile = {"display_name": " Robin \x00 ", "real_name": name}
        still.slack.store.people[team.team_id, "U1"] = {"name": "robin", "profile": profile | {"display_name": f" {name}\x00 "}}
        still.slack.store.people[team.team_id, "B7"] = {"name": "helper", "is_bot": True, "profile": {"display_name": ""}}
        await still.deliver(
            message(team, "D1", "U1", "hello"), message(team, "D2", "UNKNOWN", "hello"), message(team, "C1", "B7", "hi")
        )
    assert await shown(still, still.scopes[0]) == {"U1", "UNKNOWN", "B7"}
    async with still.db.fleet("test") as fleet:
        for scope in still.scopes:
            await fleet.execute("INSERT INTO search_progress (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", scope.tenant_id)
    await still.db.run(still.scopes[0], indexing.index_batch)
    await handle(still)
    assert await shown(still, still.scopes[0]) == {"Robin of Alpha", "UNKNOWN", "helper"}
    assert await shown(still, still.scopes[1]) == {"Robin of Beta", "UNKNOWN", "helper"}
    assert sorted(asked(still)) == sorted((team.token, user) for team in still.teams for user in ("U1", "UNKNOWN", "B7"))
    # Indexed before the name was known, and found by it.
    found = await still.db.run(still.scopes[0], lambda s: search(s, "alpha hello"))
    assert len(found.hits) == 1


async def test_a_name_is_asked_for_once_a_day(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    contacts: list[UUID] = []
    still.slack.store.people[team.team_id, "U1"] = {"profile": {"display_name": "Robin"}}
    for text in ("one", "two"):
        await still.deliver(message(team, "D1", "U1", text), message(team, "D1", "U1", text))
        await handle(still)
        async with still.db.tenant(scope) as session:
            contacts = [row["id"] for row in await session.fetch("SELECT id FROM contacts WHERE tenant_id = $1", scope.tenant_id)]
            await contacts_repository.ask_names(session, contacts)
        assert await handle(still) == 0
    assert len(asked(still)) == 1
    still.slack.store.people[team.team_id, "U1"] = {"profile": {"display_name": "Robin Hood"}}
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE contacts SET named_at = now() - interval '25 hours' WHERE tenant_id = $1", scope.tenant_id)
        await contacts_repository.ask_names(session, contacts)
    assert await handle(still) == 1 and await shown(still, scope) == {"Robin Hood"}
    # Nobody says any more: what is known stays.
    still.slack.store.people.clear()
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE contacts SET named_at = now() - interval '25 hours' WHERE tenant_id = $1", scope.tenant_id)
        await contacts_repository.ask_names(session, contacts)
    assert await handle(still) == 1 and await shown(still, scope) == {"Robin Hood"} and len(asked(still)) == 3


async def test_a_channel_that_is_busy_is_asked_later(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    still.slack.store.people[team.team_id, "U1"] = {"profile": {"display_name": "Robin"}}
    still.slack.fault, still.slack.fault_in, still.slack.accept = answers(429, "{}", Retry_After="30"), "users.info", False
    await still.deliver(message(team, "D1", "U1", "hello"))
    assert await handle(still) == 0 and await shown(still, scope) == {"U1"}
    (job,) = await rows(
        still, scope, "SELECT attempts, extract(epoch FROM due_at - now()) > 20 AS later FROM tenant_jobs"
        " WHERE tenant_id = $1 AND kind = 'channel_event'"
    )  # fmt: skip
    assert job["later"] and job["attempts"] == 0, "nothing has gone wrong"
    still.slack.fault = None
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $1", scope.tenant_id)
    assert await handle(still) == 1 and await shown(still, scope) == {"Robin"}
