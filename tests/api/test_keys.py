"""Keys: shown once, stored as hashes, bounded by their maker's role at each request, and over at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.tenants import api_keys, api_keys_repository, members, members_repository, service
from konstruct.tenants.api_keys import ALWAYS, SCOPES, ApiKeyError
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import Permission
from tests.support.api import Program, open_api
from tests.support.house import House
from tests.support.portal import open_portal

HOME = "/settings/api-keys"


async def owner_of(house: House, tenant: int = 0) -> Member:
    async with house.db.tenant(house.scopes[tenant]) as session:
        return (await members_repository.list_all(session))[0].member


async def test_a_key_says_who_it_is(house: House, program: Program) -> None:
    answer = await program.get("/me")
    assert answer.status == 200
    found = answer.json()
    assert found["key_id"] == str(program.key_id)
    assert found["business"] == "Alpha Bikes"
    assert set(found["scopes"]) == {scope.value for scope in (*SCOPES, ALWAYS)}
    assert program.key not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_no_key_is_no_entrance(house: House, program: Program) -> None:
    start, secret = program.key[: len("kst_") + 32], program.key.rpartition("_")[2]
    foreign = f"kst_{house.scopes[1].tenant_id.hex}_{secret}"
    wrong = ["", "kst_", "x", program.key[:-1], program.key + "x", start, f"{start}_", foreign, program.key.upper()]
    wrong += [f"kst_{uuid4().hex}_{secret}", f"kst_{'z' * 32}_{secret}", program.key.removeprefix("kst_"), "é" * 40]
    for key in wrong:
        answer = await program.ask("GET", "/me", headers={"Authorization": f"Bearer {key}"})
        assert (answer.status, answer.json()["status"]) == (401, 401), key
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for headers in ({"Authorization": program.key}, {"Authorization": f"Basic {program.key}"}):
        assert (await program.ask("GET", "/me", headers=headers)).status == 401


async def test_cookies_open_nothing(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as owner:
        assert (await owner.get("/")).status == 200
        assert (await owner.get("/api/v1/me")).status == 401


async def test_only_the_hash_is_stored(house: House, program: Program) -> None:
    secret = program.key.rpartition("_")[2] if "_" not in program.key[37:] else program.key[37:]
    async with house.db.tenant(house.scopes[0]) as session:
        rows = await session.fetch("SELECT api_keys::text AS row FROM api_keys WHERE tenant_id = $1", house.scopes[0].tenant_id)
    assert rows and all(secret not in row["row"] and secret[:12] not in row["row"] for row in rows)


async def test_a_revoked_or_expired_key_is_over(house: House, program: Program) -> None:
    scope = house.scopes[0]
    with pytest.raises(NotFoundError):
        await api_keys.revoke(house.db, house.scopes[1], program.member, program.key_id)
    assert (await program.get("/me")).status == 200
    await api_keys.revoke(house.db, scope, program.member, program.key_id)
    assert (await program.get("/me")).status == 401
    async with open_api(house, scope) as second:
        async with house.db.tenant(scope) as session:
            await session.execute(
                "UPDATE api_keys SET created_at = now() - interval '2 days', expires_at = now() WHERE tenant_id = $1 AND id = $2",
                scope.tenant_id,
                second.key_id,
            )
        assert (await second.get("/me")).status == 401


async def test_what_the_maker_loses_the_key_loses(house: House, program: Program) -> None:
    boss = await owner_of(house)
    await members.change_role(house.db, house.scopes[0], boss, program.member.id, "viewer")
    scopes = (await program.get("/me")).json()["scopes"]
    assert Permission.EDIT_KNOWLEDGE.value not in scopes and Permission.VIEW_KNOWLEDGE.value in scopes
    await members.change_role(house.db, house.scopes[0], boss, program.member.id, "admin")
    assert Permission.EDIT_KNOWLEDGE.value in (await program.get("/me")).json()["scopes"]
    await members.remove(house.db, house.scopes[0], boss, program.member.id)
    assert (await program.get("/me")).status == 401


async def test_a_suspended_business_is_closed(house: House, program: Program) -> None:
    await service.set_status(house.db, house.scopes[0].tenant_id, "suspended")
    assert (await program.get("/me")).status == 401
    await service.set_status(house.db, house.scopes[0].tenant_id, "active")
    assert (await program.get("/me")).status == 200


async def test_its_use_is_noted_once_a_minute(house: House, program: Program) -> None:
    scope = house.scopes[0]

    async def noted() -> object:
        async with house.db.tenant(scope) as session:
            sql = "SELECT last_used_at FROM api_keys WHERE tenant_id = $1 AND id = $2"
            return await session.fetchval(sql, scope.tenant_id, program.key_id)

    assert await noted() is None
    await program.get("/me")
    first = await noted()
    await program.get("/me")
    assert first is not None and await noted() == first
    async with house.db.tenant(scope) as session:
        await session.execute(
            "UPDATE api_keys SET last_used_at = last_used_at - $3::interval WHERE tenant_id = $1 AND id = $2",
            scope.tenant_id,
            program.key_id,
            timedelta(seconds=61),
        )
    await program.get("/me")
    assert await noted() >= first  # type: ignore[operator]


async def test_a_key_is_never_more_than_its_maker(house: House) -> None:
    scope = house.scopes[0]
    operator = Member((await owner_of(house)).id, "Op", None, "operator")
    make = api_keys.create
    with pytest.raises(ApiKeyError, match="more than you may"):
        await make(house.db, scope, operator, name="x", scopes=[Permission.EDIT_KNOWLEDGE.value])
    for excluded in ("business:delete", "members:manage", "api_keys:manage", "nonsense"):
        with pytest.raises(ApiKeyError):
            await make(house.db, scope, await owner_of(house), name="x", scopes=["usage:view", excluded])
    wrong: list[dict[str, Any]] = [{"name": " "}, {"name": "x" * 101}, {"lifetime": "99999"}, {"scopes": []}]
    for fields in wrong:
        with pytest.raises(ApiKeyError):
            await make(house.db, scope, operator, **({"name": "x", "scopes": ["usage:view"]} | fields))
    key_id = uuid4()
    await make(house.db, scope, operator, name="x", scopes=["usage:view"], key_id=key_id)
    with pytest.raises(ConflictError):
        await make(house.db, scope, operator, name="x", scopes=["usage:view"], key_id=key_id)


async def test_the_number_of_keys_is_bounded(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "KEYS_MAX", 2)
    boss, scope = await owner_of(house), house.scopes[0]
    for _ in range(2):
        await api_keys.create(house.db, scope, boss, name="x", scopes=["usage:view"])
    with pytest.raises(ConflictError, match="at most 2 keys"):
        await api_keys.create(house.db, scope, boss, name="x", scopes=["usage:view"])


async def test_the_page_makes_shows_once_and_revokes(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as owner:
        assert "No keys yet" in (await owner.get(HOME)).text
        made = await owner.post(HOME, name="Night <b>report</b>", scope="usage:view", lifetime="30")
        assert made.status == 200
        key = made.text.split('id="made"')[1].split('value="')[1].split('"')[0]
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
            async with http.get(f"{house.url}/api/v1/me") as answer:
                found = await answer.json()
        assert found["scopes"] == ["overview:view", "usage:view"]
        again = await owner.get(HOME)
        assert key not in again.text and "Night &lt;b&gt;report&lt;/b&gt;" in again.text and key[37:43] in again.text
        revoked = await owner.post(f"{HOME}/{found['key_id']}/revoke")
        assert "The key is revoked" in revoked.text
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
            async with http.get(f"{house.url}/api/v1/me") as answer:
                assert answer.status == 401


async def test_the_page_keeps_what_was_entered(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as owner:
        answer = await owner.post(HOME, name="Half done", lifetime="365")
        assert answer.status == 422 and "Half done" in answer.text and "Choose at least one" in answer.text
        form = str(uuid4())
        first = await owner.post(HOME, form=form, name="One", scope="usage:view", lifetime="")
        second = await owner.post(HOME, form=form, name="One", scope="usage:view", lifetime="")
        assert (first.status, second.status) == (200, 409)
        assert "made its key already" in second.text and 'id="made"' not in second.text


async def test_the_page_is_for_those_who_may(house: House, program: Program, other: Program) -> None:
    for role, status in (("operator", 403), ("viewer", 403), ("admin", 200)):
        async with open_portal(house, house.scopes[0], role) as person:  # type: ignore[arg-type]
            assert (await person.get(HOME)).status == status
            assert (await person.post(HOME, name="x", scope="usage:view")).status == status
    async with open_portal(house, house.scopes[0]) as owner:
        foreign = await owner.post(f"{HOME}/{other.key_id}/revoke")
        unknown = await owner.post(f"{HOME}/{uuid4()}/revoke")
        garbage = await owner.post(f"{HOME}/x/revoke")
        assert foreign.status == 404 and foreign.text == unknown.text == garbage.text
        assert str(other.key_id) not in (await owner.get(HOME)).text
    assert (await other.get("/me")).status == 200


async def test_a_key_without_its_maker_says_so(house: House, program: Program) -> None:
    await members.remove(house.db, house.scopes[0], await owner_of(house), program.member.id)
    async with house.db.tenant(house.scopes[0]) as session:
        [key] = await api_keys_repository.list_all(session, 10)
    assert not key.works and key.created_by_name == "Pat Doe"
    async with open_portal(house, house.scopes[0]) as owner:
        assert "without effect" in (await owner.get(HOME)).text
