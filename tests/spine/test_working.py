"""While the employee works, the person sees it; a quick answer shows nothing that would stay."""

from __future__ import annotations

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.port import ChatRequest
from konstruct.tenants.vault import Vault
from tests.support.house import House, open_house, until
from tests.support.slack_events import message


async def test_a_slow_answer_shows_a_status_in_its_thread(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    opened: list[House] = []

    async def wait_for_the_status(_: ChatRequest) -> None:
        await until(lambda: opened[0].slack.statuses)

    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(delay=wait_for_the_status)) as house:
        opened.append(house)
        team, _ = house.teams
        asked = message(team, "D1", "U1", "a hard one")
        await house.deliver(asked)
        await house.idle()
        (status,) = house.slack.statuses
        assert status["channel_id"] == "D1"
        assert status["thread_ts"] == asked["event"]["ts"]
        assert status["status"]
        assert len(house.slack.posts) == 1
        used = {token for method, token in house.slack.requests if method == "assistant.threads.setStatus"}
        assert used == {team.token}


async def test_a_quick_answer_shows_none(house: House) -> None:
    team, _ = house.teams
    await house.deliver(message(team, "D1", "U1", "an easy one"))
    await house.idle()
    assert len(house.slack.posts) == 1
    assert house.slack.statuses == []
