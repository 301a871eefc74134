"""Every table and partition, in both directions, by every statement: populated, under attack as the product's own logins.

The list comes from the catalogue. A table that the house does not fill fails here: an empty one raises nothing and proves
nothing (let `tests.tenants.filled.fill` fill it).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import asyncpg
import pytest

from konstruct.db.bootstrap import APP, FLEET, MAINTENANCE, OWNER, RoleUrls
from konstruct.db.catalogue import FLEET_TABLES, SHARED_TABLES
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.tenants.vault import Vault
from tests.isolation.relations import Connection, Relation, Row, Sight, attempt, refused, renamed
from tests.support.filled_house import open_filled_house

NOBODY = UUID("0193e3a0-7c1b-7c55-8d2a-1234567890ab")


@dataclass(frozen=True)
class Field:
    """Two businesses, an attacker's connections, and a judge."""

    app: Connection
    fleet: Connection
    sight: Sight
    relations: list[Relation]
    own: UUID
    other: UUID

    async def row(self, relation: Relation, tenant_id: UUID) -> Row | None:
        return await self.sight.row(relation.name, tenant_id if relation.has_tenant else None)


@pytest.fixture
async def field(
    settings: Settings,
    db: Database,
    house_vault: Vault,
    tenants: tuple[TenantScope, TenantScope],
    urls: RoleUrls,
    cluster: Postgres,
) -> AsyncIterator[Field]:
    """Both businesses filled; plain connections of the app and fleet logins, as an attacker inside the process has them."""
    admin_url = urlunsplit(urlsplit(cluster.admin_url)._replace(path=urlsplit(urls.app).path))
    async with open_filled_house(settings, db, house_vault, tenants):
        app, fleet, admin = [await asyncpg.connect(url) for url in (urls.app, urls.fleet, admin_url)]
        # What both have alike cannot tell whose it is.
        await admin.execute("INSERT INTO llm_budgets (tenant_id, period) VALUES ($1, '2026-02-01')", tenants[1].tenant_id)
        sight = Sight(admin)
        yield Field(app, fleet, sight, await sight.relations(), tenants[0].tenant_id, tenants[1].tenant_id)
        for connection in (app, fleet, admin):
            await connection.close()


def statements(relation: Relation, where: str = "") -> list[str]:
    """Return the statements that read, change and remove rows; `tenant_id` or another column is set to itself."""
    column = "tenant_id" if relation.has_tenant else relation.key[0]
    return [
        f"SELECT 1 FROM {relation.name} {where}",
        f"UPDATE {relation.name} SET {column} = {column} {where}",
        f"DELETE FROM {relation.name} {where}",
    ]


async def test_all_are_populated_for_both(field: Field) -> None:
    # Of the partitions only that of today's month has rows; the others hold nothing that could be reached.
    empty = [
        (relation.name, tenant_id)
        for relation in field.relations
        for tenant_id in (field.own, field.other)
        if not relation.partition and await field.row(relation, tenant_id) is None
    ]
    assert empty == [], "let the filled house fill these too"
    assert len(field.relations) > 50
    assert [r.name for r in field.relations if r.partition and await field.row(r, field.own)], "a partition is populated"


async def test_without_a_tenant_everything_is_refused(field: Field) -> None:
    allowed = []
    for connection in (field.app, field.app):
        # Twice: a setting that was never made and one that is gone with its transaction fail differently.
        for relation in field.relations:
            row = await field.row(relation, field.other) or {}
            allowed += [await refused(connection, sql) for sql in statements(relation)]
            allowed.append(await refused(connection, relation.insert, json.dumps(row)))
        async with attempt(connection, str(field.own)):
            assert await connection.fetchval("SELECT count(*) FROM tenants") == 1
    assert list(filter(None, allowed)) == []


async def test_another_tenants_rows_can_be_neither_read_nor_changed(field: Field) -> None:
    wrong: list[str] = []
    for relation in field.relations:
        row = await field.row(relation, field.other)
        if row is None:
            row = {"tenant_id": str(field.other)}
        wrong += await reached(field, relation, row)
    assert wrong == []


async def reached(field: Field, relation: Relation, row: Row) -> list[str]:
    """Return what A could do to B's rows of a relation, and to its own on B's behalf."""
    name, own, other = relation.name, str(field.own), field.other
    where = f"WHERE tenant_id = '{other}'" if relation.has_tenant else ""
    found = [await touched(field, sql) for sql in statements(relation, where)]
    found += [await touched(field, f"SELECT 1 FROM {name} {where} FOR UPDATE")]
    # A row of B's, and B's row under a new key: both are refused by the policy, before any key is looked at.
    for forged in (row, renamed(row, relation.key, ("tenant_id",))):
        found.append(await refused(field.app, relation.insert, json.dumps(forged), setting=own))
    if not relation.has_tenant:
        return list(filter(None, found))
    found.append(await refused(field.app, f"UPDATE {name} SET tenant_id = '{other}'", setting=own))
    if relation.partition:
        return list(filter(None, found))
    # Without any condition: A's own rows and no others.
    count = await field.sight.count(name, field.own)
    async with attempt(field.app, own):
        try:
            seen = await field.app.fetch(f"SELECT tenant_id FROM {name}")
        except asyncpg.InsufficientPrivilegeError:
            found.append(f"{name}: its own tenant cannot read it")
        else:
            if {r["tenant_id"] for r in seen} != {field.own} or len(seen) != count:
                found.append(f"{name}: {len(seen)} rows seen, {count} are A's own")
    return list(filter(None, found))


@pytest.mark.parametrize(
    "damage",
    [
        "ALTER POLICY tenant_isolation ON tryouts USING (true)",
        "ALTER POLICY tenant_isolation ON tryouts WITH CHECK (true)",
        "ALTER TABLE tryouts DISABLE ROW LEVEL SECURITY",
    ],
)
async def test_the_attack_notices_a_table_that_lets_it(field: Field, damage: str) -> None:
    relation = next(relation for relation in field.relations if relation.name == "tryouts")
    row = await field.row(relation, field.other)
    assert row is not None and await reached(field, relation, row) == []
    try:
        await field.sight.change(damage)
        assert await reached(field, relation, row) != []
    finally:
        tenant = "tenant_id = current_setting('app.tenant_id')::uuid"
        await field.sight.change(f"ALTER POLICY tenant_isolation ON tryouts USING ({tenant}) WITH CHECK ({tenant})")
        await field.sight.change("ALTER TABLE tryouts ENABLE ROW LEVEL SECURITY")
    assert await reached(field, relation, row) == []


async def touched(field: Field, sql: str) -> str | None:
    """Return None if A is refused the statement or it touches no row."""
    done = await refused(field.app, sql, setting=str(field.own))
    return None if done is None or done.endswith(" 0") else done


async def test_no_row_can_name_another_tenants_row(field: Field) -> None:
    """Each foreign key: A's row that names what belongs to B. The row is A's own, so only the key can refuse it."""
    tables = {relation.name: relation for relation in field.relations}
    keys = await field.sight.foreign_keys()
    accepted, tried = [], 0
    for key in keys:
        present = " AND ".join(f't."{column}" IS NOT NULL' for column in key.columns)
        row = await field.sight.row(key.child, field.own, present) or await field.sight.row(key.child, field.own)
        # Two businesses may have the same month: a value that A has as well would name A's own row.
        same = " AND ".join(f'o."{column}" = t."{column}"' for column in key.parent_columns if column != "tenant_id")
        unlike = f"NOT EXISTS (SELECT 1 FROM {key.parent} o WHERE o.tenant_id = '{field.own}' AND {same})"
        target = await field.sight.row(key.parent, field.other, unlike)
        assert row is not None and target is not None, key
        forged = renamed(row, tables[key.child].key, ("tenant_id",))
        forged |= {c: target[p] for c, p in zip(key.columns, key.parent_columns, strict=True) if c != "tenant_id"}
        assert forged["tenant_id"] == str(field.own)
        pairs = ", ".join(f'"{c}" = (SELECT "{c}" FROM jsonb_populate_record(NULL::{key.child}, $1::jsonb))' for c in key.columns)
        where = " AND ".join(f"\"{c}\"::text = $2::jsonb ->> '{c}'" for c in tables[key.child].key)
        inserted = await violates(field, tables[key.child].insert, json.dumps(forged))
        updated = await violates(field, f"UPDATE {key.child} SET {pairs} WHERE {where}", json.dumps(forged), json.dumps(row))
        tried += 1
        if "23503" not in (inserted, updated) or "accepted" in (inserted, updated):
            accepted.append((key.name, key.child, inserted, updated))
    assert accepted == []
    assert tried > 40


async def violates(field: Field, sql: str, *args: str) -> str:
    """Return the code with which A's statement is refused, or `accepted`."""
    try:
        async with attempt(field.app, str(field.own)):
            done = await field.app.execute(sql, *args)
            await field.app.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return "nothing" if done.endswith(" 0") and not done.startswith("INSERT") else "accepted"


NAMED = {
    "account_id": "channel_accounts", "agent_id": "agents", "contact_id": "contacts", "conversation_id": "conversations",
    "delivery_id": "deliveries", "document_id": "documents", "export_id": "exports", "key_id": "api_keys", "member_id": "members",
    "message_id": "messages", "notice_id": "notices", "secret_id": "secrets", "turn_id": "turns",
}  # fmt: skip
"""What a column of this name names."""
LOOSE = {
    ("dedupe_keys", "message_id"): "only ever compared with a message of the same delivery",
    ("inbound_events", "account_id"): "payload, by month: it points at nothing",
    **{
        ("delivery_archive", column): "what was shown long ago, by month: it points at nothing that may go"
        for column in ("account_id", "conversation_id", "message_id", "turn_id")
    },
    ("consents", "message_id"): "the evidence stays when the message is forgotten",
    ("withdrawals", "message_id"): "the evidence stays when the message is forgotten",
    ("volume_places", "delivery_id"): "only ever compared with a delivery that is being sent",
    ("streams", "delivery_id"): "there before its delivery is, and gone with it",
    ("charge_days", "account_id"): "what was billed stays when the account goes",
    ("charge_days", "conversation_id"): "what was billed stays when the conversation goes",
    ("usage_days", "account_id"): "what was spent stays when the account goes",
    ("usage_conversations", "conversation_id"): "what was spent stays when the conversation goes",
}
"""Columns that name something without a key, and why."""


async def test_what_names_a_row_is_held_by_a_key(field: Field) -> None:
    """A key that somebody takes away is not in the catalogue any more: here it is missed."""
    held = {(key.child, column): key.parent for key in await field.sight.foreign_keys() for column in key.columns}
    named = {
        (relation.name, column)
        for relation in field.relations
        for column in relation.columns
        if column in NAMED and relation.has_tenant and not relation.partition
    }
    assert len(named) > 40
    assert {place for place in named if place not in held} == set(LOOSE)


async def test_garbage_settings_never_widen(field: Field) -> None:
    own, other = str(field.own), str(field.other)
    wide = (
        "", " ", "x", "null", "*", "%", "default", "0", f"{own},{other}", f"{{{own},{other}}}", f"{own}' OR 'a' = 'a",
        f"{own}'::uuid OR true --", f"{own}\n{other}", "00000000-0000-0000-0000-000000000000", str(NOBODY),
    )  # fmt: skip
    same = (own.upper(), f"{{{own}}}", own.replace("-", ""), own.title())
    wrong = []
    for relation in field.relations:
        if not relation.has_tenant:
            continue
        foreign = await field.row(relation, field.other) or {"tenant_id": other}
        for setting in (*wide, *same):
            read = f"SELECT 1 FROM {relation.name}" + (f" WHERE tenant_id <> '{own}'" if setting in same else "")
            done = await refused(field.app, read, setting=setting)
            if done is not None and not done.endswith(" 0"):
                wrong.append((setting, done))
        wrong += [
            (setting, done)
            for setting in ("x", str(NOBODY), own.upper())
            if (done := await refused(field.app, relation.insert, json.dumps(foreign), setting=setting)) is not None
        ]
    assert wrong == []


FLEET_WRITES = {
    "tenant_directory": "INSERT UPDATE DELETE",
    "fair_shares": "INSERT UPDATE DELETE",
    "tenant_jobs": "INSERT UPDATE DELETE",
    "search_progress": "INSERT UPDATE",
    "ready_queue": "UPDATE",
    "document_jobs": "UPDATE",
    "dedupe_keys": "DELETE",
}
"""What the fleet role may do to whole rows of tables with a tenant, besides reading them; a few columns of tenant_health too."""


async def test_the_fleet_reaches_the_platforms_tables_only(field: Field) -> None:
    wrong = []
    for relation in field.relations:
        row = await field.row(relation, field.other) or {}
        done = {
            sql.split()[0]: await refused(field.fleet, sql)
            for sql in (*statements(relation), f"SELECT 1 FROM {relation.name} FOR UPDATE")
        }
        done["INSERT"] = await refused(field.fleet, relation.insert, json.dumps(row))
        allowed = {kind for kind, what in done.items() if what is not None}
        if relation.name in FLEET_TABLES:
            continue
        writes = FLEET_WRITES.get(relation.name, "").split()
        wanted = {"SELECT", *writes} if relation.name in SHARED_TABLES else set()
        if not allowed <= wanted:
            wrong.append((relation.name, sorted(allowed - wanted)))
    assert wrong == []


WAYS_OUT = (
    *(f"SET ROLE {role}" for role in (OWNER, MAINTENANCE)),
    f"SET SESSION AUTHORIZATION {OWNER}",
    "TRUNCATE messages",
    "TRUNCATE ready_queue",
    "ALTER TABLE messages DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY tenant_isolation ON messages",
    "CREATE POLICY mine ON messages USING (true)",
    "CREATE TABLE mine (id int)",
    "CREATE TEMP TABLE mine (id int)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "ALTER ROLE CURRENT_USER BYPASSRLS",
    "GRANT konstruct_owner TO CURRENT_USER",
    "COPY messages TO PROGRAM 'cat'",
    "COPY messages TO '/dev/null'",
    "SELECT pg_read_file('postgresql.conf')",
    "SELECT konstruct_protect('messages')",
    "SELECT konstruct_share('messages', 'SELECT')",
    "SELECT konstruct_partition('inbound_events', now()::date)",
    "SET row_security = off; SELECT 1 FROM messages",
    "SELECT rolpassword FROM pg_authid",
    "UPDATE alembic_version SET version_num = '0'",
)


@pytest.mark.parametrize("role", [APP, FLEET])
async def test_no_login_has_a_way_out(field: Field, role: str) -> None:
    connection = field.app if role == APP else field.fleet
    others = {APP: FLEET, FLEET: APP}
    open_ways = []
    for way in (*WAYS_OUT, f"SET ROLE {others[role]}"):
        try:
            async with attempt(connection, str(field.own)):
                await connection.execute(way)
            open_ways.append(way)
        except asyncpg.InsufficientPrivilegeError:
            pass
    assert open_ways == []
