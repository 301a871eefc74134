"""The pages of settings: changed by who may, exported by who may, deleted by an owner who types the name."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.tenants import operator_access_repository, settings_repository
from konstruct.tenants.erase import Erasing
from konstruct.tenants.export_jobs import Exports
from konstruct.tenants.operators_repository import Operator
from konstruct.tenants.roles import Role
from konstruct.tenants.vault import Vault
from konstruct.web.portal.settings.view import size_of
from tests.support.house import House, open_house
from tests.support.portal import SAME_SITE, Person, open_portal
from tests.tenants.support import rows, work_off

SCRIPT = "<script>alert(1)</script>"
HTMX = {"HX-Request": "true"}


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


async def stored(house: House, number: int = 0) -> tuple[str, str, int | None]:
    async with house.db.tenant(house.scopes[number]) as session:
        return await settings_repository.read(session)


async def test_settings_are_stored_for_the_own_business_only(house: House, owner: Person) -> None:
    answer = await owner.post("/settings", name=f"Alpha {SCRIPT}", time_zone="Europe/Berlin", retention="90")
    assert (answer.status, answer.path) == (200, "/settings?saved=business")
    assert "Saved." in answer.text and SCRIPT not in answer.text
    assert '<option value="Europe/Berlin" selected>' in answer.text and 'value="90"' in answer.text
    assert await stored(house) == (f"Alpha {SCRIPT}", "Europe/Berlin", 90)
    assert await stored(house, 1) == ("Beta Bakery", "UTC", None)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"name": " "}, "1 to 200 characters"),
        ({"time_zone": "Mars/Olympus"}, "choose a time zone"),
        ({"retention": "soon"}, "a number of days"),
    ],
)
async def test_a_wrong_field_is_told_and_what_was_entered_stays(
    house: House, owner: Person, wrong: dict[str, str], says: str
) -> None:
    fields = {"name": "Alpha 2", "time_zone": "Asia/Tokyo", "retention": "7"} | wrong
    answer = await owner.send("/settings", fields)
    assert answer.status == 422 and says in answer.text and 'aria-invalid="true"' in answer.text
    for name in ("name", "retention"):
        assert f'value="{fields[name]}"' in answer.text
    assert await stored(house) == ("Alpha Bikes", "UTC", None)


@pytest.mark.parametrize("role", ["operator", "viewer"])
async def test_who_may_not_change_reads_and_is_offered_nothing(house: House, role: Role) -> None:
    async with open_portal(house, house.scopes[0], role) as person:
        answer = await person.get("/settings")
        assert "Alpha Bikes" in answer.text and "for good" in answer.text
        for offer in ('action="/settings"', "/settings/export", "/settings/delete", "/settings/mail"):
            assert offer not in answer.text


async def test_an_admin_is_not_offered_to_delete(house: House) -> None:
    async with open_portal(house, house.scopes[0], "admin") as person:
        text = (await person.get("/settings")).text
        assert "/settings/export" in text and "/settings/delete" not in text
        assert (await person.get("/settings/delete")).status == 403


async def test_ones_own_wish_for_mail(house: House, owner: Person) -> None:
    async def wishes() -> list[bool]:
        sql = "SELECT notice_mail FROM members WHERE tenant_id = $1 AND id = $2"
        return [row["notice_mail"] for row in await rows(house.db, house.scopes[0], sql, owner.member.id)]

    assert 'notice_mail" checked' in (await owner.get("/settings")).text
    answer = await owner.post("/settings/mail")
    assert 'notice_mail" checked' not in answer.text and await wishes() == [False]
    await owner.post("/settings/mail", notice_mail="on")
    assert await wishes() == [True]
    others = "SELECT count(*) AS n FROM members WHERE tenant_id = $1 AND NOT notice_mail"
    assert [row["n"] for scope in house.scopes for row in await rows(house.db, scope, others)] == [0, 0]


async def test_an_export_from_the_first_click_to_the_file(house: House, owner: Person) -> None:
    assert "Export everything" in (await owner.get("/settings")).text
    first = await owner.post("/settings/export", headers=HTMX)
    second = await owner.post("/settings/export", headers=HTMX)
    for answer in (first, second):
        assert answer.status == 200 and "Waiting for its turn" in answer.text and "<html" not in answer.text
        assert 'hx-trigger="load delay:1s"' in answer.text
    assert (await owner.post("/settings/export")).path.startswith("/settings")
    (row,) = await rows(house.db, house.scopes[0], "SELECT id FROM exports WHERE tenant_id = $1")
    file = f"/settings/export/{row['id']}/file"
    assert (await owner.get(file)).status == 404, "it is not there yet"
    assert await work_off(house.db, house.scopes[0], "export", Exports(house.db)) == 1
    done = await owner.get("/settings/export", headers=HTMX)
    assert f'href="{file}"' in done.text and "hx-trigger" not in done.text
    async with owner.http.get(owner.url + file, headers=SAME_SITE) as download:
        data = await download.read()
        assert download.headers["Content-Type"] == "application/zip"
        assert download.headers["Content-Disposition"].startswith('attachment; filename="konstruct-export-')
        assert download.headers["Cache-Control"] == "no-store" and int(download.headers["Content-Length"]) == len(data)
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None and b"Alpha Bikes" in archive.read("tables/tenants.jsonl")
    async with open_portal(house, house.scopes[1]) as stranger:
        assert (await stranger.get(file)).status == 404
        assert file not in (await stranger.get("/settings")).text
    async with open_portal(house, house.scopes[0], "operator") as operator:
        assert (await operator.get(file)).status == 403


async def test_what_operators_did_to_the_own_business(house: House, owner: Person) -> None:
    assert "Nobody has been here" in (await owner.get("/settings/operators")).text
    for number, scope in enumerate(house.scopes):
        operator = Operator(uuid7(), f"Operator {number} {SCRIPT}")
        async with house.db.tenant(scope) as session:
            await operator_access_repository.insert_access(session, operator, f"Because of {SCRIPT}", timedelta(minutes=5))
            await operator_access_repository.record(session, operator, "suspend", reason="too loud")
    text = (await owner.get("/settings/operators")).text
    assert "Operator 0" in text and "took the business out of service" in text and "too loud" in text
    assert "Operator 1" not in text and SCRIPT not in text
    async with open_portal(house, house.scopes[0], "operator") as person:
        assert (await person.get("/settings/operators")).status == 403
        assert "/settings/operators" not in (await person.get("/settings")).text


async def test_a_browser_without_scripts_is_led_back_to_the_page(owner: Person) -> None:
    answer = await owner.get("/settings/export", follow=False)
    assert (answer.status, answer.path) == (303, "/settings#export")


@pytest.mark.parametrize("typed", ["", "alpha bikes", "Alpha  Bikes", "Beta Bakery", SCRIPT])
async def test_another_name_deletes_nothing(owner: Person, typed: str) -> None:
    answer = await owner.post("/settings/delete", name=typed)
    assert answer.status == 422 and "not the exact name" in answer.text and SCRIPT not in answer.text
    assert (await owner.get("/settings")).status == 200


async def test_the_exact_name_signs_everybody_out_and_then_everything_is_gone(
    house: House, owner: Person, redis: Redis, house_vault: Vault
) -> None:
    async with open_portal(house, house.scopes[0], "viewer") as viewer:
        assert "Alpha Bikes" in (await owner.get("/settings/delete")).text
        answer = await owner.post("/settings/delete", name="Alpha Bikes")
        assert answer.status == 200 and "Alpha Bikes is being deleted" in answer.text
        for person in (owner, viewer):
            assert (await person.get("/settings", follow=False)).path.startswith("/sign-in")
    assert (await owner.post("/settings/delete", name="Alpha Bikes", follow=False)).path.startswith("/sign-in")
    assert await work_off(house.db, house.scopes[0], "erase", Erasing(house.db, redis, house_vault)) == 1
    assert await rows(house.db, house.scopes[0], "SELECT 1 FROM tenants WHERE tenant_id = $1") == []
    async with open_portal(house, house.scopes[1]) as neighbour:
        assert (await neighbour.get("/settings")).status == 200


@pytest.mark.parametrize(
    ("count", "says"), [(0, "0 B"), (999, "999 B"), (12_345, "12 KB"), (3_400_000, "3.4 MB"), (5 * 10**12, "5000.0 GB")]
)
def test_sizes_in_words(count: int, says: str) -> None:
    assert size_of(count) == says
