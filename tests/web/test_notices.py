"""The page of notices: what is open, what was dealt with, and whose it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants import notices
from konstruct.tenants.vault import Vault
from konstruct.web.portal.notices import view
from tests.support.house import House, open_house
from tests.support.portal import Person, open_portal
from tests.tenants.support import BROKEN, raise_in, rows

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    async with open_house(settings, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


@pytest.fixture
async def owner(house: House) -> AsyncIterator[Person]:
    async with open_portal(house, house.scopes[0]) as person:
        yield person


async def test_nothing_open_says_so(owner: Person) -> None:
    answer = await owner.get("/notices")
    assert answer.status == 200
    assert "Nothing needs you" in answer.text and "Dealt with" not in answer.text


async def test_own_notices_with_their_action_and_count_and_none_of_others(house: House, owner: Person) -> None:
    await raise_in(house.db, house.scopes[0], replace(BROKEN, title="Mine is broken"))
    await raise_in(house.db, house.scopes[0], replace(BROKEN, title="Mine is broken"))
    await raise_in(house.db, house.scopes[1], replace(BROKEN, title="Theirs is broken"))
    answer = await owner.get("/notices")
    assert "Mine is broken" in answer.text and "2 times" in answer.text
    assert 'href="/channels"' in answer.text
    assert "Theirs is broken" not in answer.text
    assert 'title="open notices">1<' in (await owner.get("/settings")).text, "the frame counts them"


async def test_a_notice_is_text(house: House, owner: Person) -> None:
    await raise_in(house.db, house.scopes[0], replace(BROKEN, title=SCRIPT, body=f"{SCRIPT} {'long ' * 300}"))
    answer = await owner.get("/notices")
    assert SCRIPT not in answer.text and "&lt;script&gt;" in answer.text


async def test_resolving_is_once_and_shows_by_whom(house: House, owner: Person) -> None:
    notice_id = await raise_in(house.db, house.scopes[0])
    async with open_portal(house, house.scopes[0], "operator", "Olga Operator") as operator:
        for person in (operator, owner):
            answer = await person.post(f"/notices/{notice_id}/resolve")
            assert (answer.status, answer.path) == (200, "/notices")
            assert "by Olga Operator," in answer.text and "by Pat Doe," not in answer.text
    (row,) = await rows(house.db, house.scopes[0], "SELECT resolved_by FROM notices WHERE tenant_id = $1")
    assert row["resolved_by"] == operator.member.id


async def test_a_viewer_sees_and_does_not_resolve(house: House) -> None:
    notice_id = await raise_in(house.db, house.scopes[0])
    async with open_portal(house, house.scopes[0], "viewer") as viewer:
        answer = await viewer.get("/notices")
        assert BROKEN.title in answer.text and "/resolve" not in answer.text
        assert (await viewer.post(f"/notices/{notice_id}/resolve")).status == 403


async def test_another_business_notice_is_nothing(house: House, owner: Person) -> None:
    notice_id = await raise_in(house.db, house.scopes[1])
    assert (await owner.post(f"/notices/{notice_id}/resolve")).status == 404
    (row,) = await rows(house.db, house.scopes[1], "SELECT resolved_at FROM notices WHERE tenant_id = $1")
    assert row["resolved_at"] is None


async def test_what_was_dealt_with_is_paged(house: House, owner: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "RESOLVED_PAGE", 2)
    monkeypatch.setattr("konstruct.web.portal.notices.routes.RESOLVED_PAGE", 2)
    for number in range(5):
        await raise_in(house.db, house.scopes[0], replace(BROKEN, subject=str(number), title=f"Trouble {number}"))
    async with house.db.tenant(house.scopes[0]) as session:
        await notices.settle(session, "channel_broken")
    await raise_in(house.db, house.scopes[0], replace(BROKEN, subject="open", title="Still open"))
    seen: list[str] = []
    path = "/notices"
    for page in range(3):
        answer = await owner.get(path)
        assert ("Still open" in answer.text) is (page == 0)
        seen += [f"Trouble {number}" for number in range(5) if f"Trouble {number}<" in answer.text]
        path = answer.text.partition('href="/notices?before=')[2].partition('"')[0]
        path = f"/notices?before={path}" if path else ""
    assert sorted(seen) == [f"Trouble {number}" for number in range(5)] and path == ""


@pytest.mark.parametrize("before", ["x", "-", "12", "12-x", "9" * 30 + "-0193a000-0000-7000-8000-00000000000a", "-1-x"])
async def test_a_place_that_is_none(owner: Person, before: str) -> None:
    assert (await owner.get(f"/notices?before={before}")).status == 404
