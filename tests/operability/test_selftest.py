"""The self-test refuses every database and login that would not keep tenants apart, and says which and why."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from konstruct.db.catalogue import server_problems
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.selftest import self_test
from konstruct.db.session import Session
from konstruct.kit.errors import SelfTestError
from tests.operability.conftest import MakeLogin, Spare


async def refusal(db: Database, **options: bool) -> str:
    try:
        with pytest.raises(SelfTestError) as caught:
            await self_test(db, **options)
    finally:
        await db.close()
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_sound_database_passes(db: Database, tenants: tuple[TenantScope, TenantScope]) -> None:
    await self_test(db)


async def test_an_empty_database_passes_before_its_migration_only_if_asked(spare: Spare) -> None:
    await spare.admin(
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE EXTENSION vector; GRANT USAGE ON SCHEMA public TO PUBLIC"
    )
    db = await spare.open()
    await self_test(db, expect_migrated=False)
    assert "konstruct migrate" in await refusal(db)


@pytest.mark.parametrize("which", ["app", "fleet"])
@pytest.mark.parametrize(
    ("attributes", "says"),
    [
        ("SUPERUSER", "is a SUPERUSER"),
        ("BYPASSRLS", "has BYPASSRLS"),
        ("CREATEROLE", "has CREATEROLE"),
        ("IN ROLE konstruct_owner", "is a member of konstruct_owner"),
        ("IN ROLE konstruct_maintenance", "is a member of konstruct_owner"),
    ],
)
async def test_a_wrong_role_is_refused(spare: Spare, make_login: MakeLogin, which: str, attributes: str, says: str) -> None:
    url = await make_login(attributes)
    await spare.admin(f"GRANT konstruct_{which} TO {url.split('//')[1].split(':')[0]}")
    said = await refusal(await (spare.open(app=url) if which == "app" else spare.open(fleet=url)))
    assert f"the {which} login" in said
    assert says in said


@pytest.mark.parametrize(
    ("grant", "says"),
    [
        ("ALTER TABLE tenants OWNER TO {}", "owns tenants"),
        ("GRANT CREATE ON SCHEMA public TO {}", "has CREATE on schema public"),
        ("GRANT TRUNCATE ON messages TO {}", "TRUNCATE, REFERENCES or TRIGGER on messages"),
        ("GRANT REFERENCES ON messages TO {}", "TRUNCATE, REFERENCES or TRIGGER on messages"),
    ],
)
async def test_a_privilege_too_many_is_refused(spare: Spare, grant: str, says: str) -> None:
    await spare.admin(grant.format("konstruct_app"))
    assert says in await refusal(await spare.open())


async def test_a_member_who_cannot_use_the_membership_yet_is_refused(spare: Spare, make_login: MakeLogin) -> None:
    url = await make_login("")
    role = url.split("//")[1].split(":")[0]
    await spare.admin(f"GRANT konstruct_app TO {role}; GRANT konstruct_owner TO {role} WITH INHERIT FALSE, SET TRUE")
    assert "is a member of konstruct_owner" in await refusal(await spare.open(app=url))


async def test_a_superuser_in_an_ordinary_roles_clothes_is_refused(spare: Spare, make_login: MakeLogin) -> None:
    url = await make_login("SUPERUSER")
    role = url.split("//")[1].split(":")[0]
    await spare.admin(f"ALTER ROLE {role} SET role = 'konstruct_app'")
    assert "is a SUPERUSER" in await refusal(await spare.open(app=url))


async def test_one_role_for_both_logins_is_refused(spare: Spare) -> None:
    said = await refusal(await spare.open(fleet=spare.urls.app))
    assert "KONSTRUCT_FLEET_DATABASE_URL both log in as konstruct_app" in said


async def test_a_fleet_login_that_reaches_content_is_refused(spare: Spare) -> None:
    await spare.admin("GRANT SELECT ON messages TO konstruct_fleet")
    assert "the fleet login may reach table messages" in await refusal(await spare.open())


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        ("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY", "not forced on table messages"),
        ("ALTER TABLE messages DISABLE ROW LEVEL SECURITY", "off on table messages"),
        ("CREATE TABLE notes (tenant_id uuid, text text)", "off on table notes"),
        ("DROP POLICY tenant_isolation ON messages", "table messages does not carry exactly"),
        ("CREATE POLICY more ON messages USING (true)", "table messages does not carry exactly"),
        (
            "ALTER POLICY tenant_isolation ON messages USING (tenant_id = current_setting('app.tenant_id', true)::uuid)",
            "table messages does not carry exactly",
        ),
        ("ALTER POLICY tenant_isolation ON messages WITH CHECK (true)", "table messages does not carry exactly"),
        ("ALTER POLICY tenant_isolation ON messages TO konstruct_app", "table messages does not carry exactly"),
        ("CREATE POLICY fleet ON messages TO konstruct_fleet USING (true)", "table messages does not carry exactly"),
        ("ALTER POLICY fleet ON ready_queue TO PUBLIC", "table ready_queue does not carry exactly"),
        ("UPDATE alembic_version SET version_num = '0000'", "the database is at migration 0000"),
        ("DROP TABLE alembic_version", "the database is at migration none"),
        ("DROP EXTENSION vector CASCADE", "extension vector is missing"),
        (
            "SET allow_system_table_mods = on; UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'",
            "pgvector 0.8 or newer is needed, this server has 0.7.4",
        ),
    ],
)
async def test_a_damaged_database_is_refused(spare: Spare, damage: str, says: str) -> None:
    await spare.admin(damage)
    assert says in await refusal(await spare.open())


async def test_a_partition_without_its_own_policy_is_refused(spare: Spare) -> None:
    await spare.admin(
        "DO $$ BEGIN EXECUTE (SELECT format('ALTER TABLE %I NO FORCE ROW LEVEL SECURITY', c.relname) FROM pg_inherits i"
        " JOIN pg_class c ON c.oid = i.inhrelid WHERE c.relkind = 'r' ORDER BY c.relname DESC LIMIT 1); END $$"
    )
    assert "not forced on table steps_" in await refusal(await spare.open())


async def test_a_tenant_set_for_everybody_is_refused(spare: Spare) -> None:
    name = spare.urls.app.rsplit("/", 1)[1]
    await spare.admin(f"ALTER DATABASE {name} SET app.tenant_id = '0193e3a0-7c1b-7c55-8d2a-1234567890ab'")
    assert "app.tenant_id is set for every connection" in await refusal(await spare.open())


async def test_an_old_server_is_named() -> None:
    class Old(Session):
        __slots__ = ()

        async def fetchval(self, sql: str, *args: Any) -> Any:
            return "170006"

    assert await server_problems(Old.__new__(Old)) == ["PostgreSQL 18 or newer is needed, this server is 17"]


async def test_an_unscoped_read_raises_and_the_probe_tells_a_table_that_answers(
    spare: Spare, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = "0193e3a0-7c1b-7c55-8d2a-1234567890ab"
    await spare.admin(
        f"INSERT INTO tenant_directory (tenant_id) VALUES ('{tenant}'); INSERT INTO tenants VALUES ('{tenant}', 'A')"
    )
    db = await spare.open()
    await self_test(db)
    with pytest.raises((asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)):
        async with db.unscoped() as session:
            await session.fetchval("SELECT count(*) FROM tenants")

    async def blind(_session: Session) -> list[str]:
        return []

    # The catalogue's checks come first; without them the probe alone must tell.
    monkeypatch.setattr("konstruct.db.selftest.forced_problems", blind)
    monkeypatch.setattr("konstruct.db.selftest.policy_problems", blind)
    await spare.admin("ALTER TABLE tenants DISABLE ROW LEVEL SECURITY")
    assert "answered instead of refused" in await refusal(db)
