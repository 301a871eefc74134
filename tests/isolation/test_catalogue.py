"""The catalogue itself: every table, key, grant and object keeps tenants apart, and each kind of damage is named.

Damage is done by the tables' owner in a transaction that is rolled back. What a login may be, and how a process refuses to
start, is in tests/operability/test_selftest.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from konstruct.db.bootstrap import APP, FLEET, MAINTENANCE, OWNER, RoleUrls
from konstruct.db.catalogue import FLEET_TABLES, SHARED_TABLES, fleet_reach_problems, forced_problems, policy_problems
from konstruct.db.database import Database
from konstruct.db.selftest import logins
from konstruct.db.session import Session
from konstruct.db.structure import SHARED_UNIQUE, structure_problems
from konstruct.local.postgres import Postgres

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
OURS = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind::text = ANY ($1)"
SOUND = """
CREATE TABLE planted (tenant_id uuid NOT NULL, id uuid NOT NULL, conversation_id uuid, note text, PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, note), FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE);
SELECT konstruct_protect('planted');
"""
PARTITION = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'inbound_events'::regclass ORDER BY 1 LIMIT 1"
NONE = "WHERE (created_at < '1970-01-01')"
"""Other tests' rows are in the tables, and may be alike: an index over none of them can be made at any time."""

DAMAGES = [
    # A table that somebody adds and forgets about, in each way there is.
    ("CREATE TABLE planted (tenant_id uuid, note text)", "row-level security is off on table planted"),
    ("CREATE TABLE planted (tenant_id uuid, note text)", "table planted does not carry exactly the policies"),
    ("CREATE TABLE planted (id uuid PRIMARY KEY)", "table planted has no tenant_id of type uuid NOT NULL"),
    ("CREATE TABLE planted (tenant_id uuid, id uuid)", "table planted has no tenant_id of type uuid NOT NULL"),
    ("CREATE TABLE planted (tenant_id text NOT NULL PRIMARY KEY)", "table planted has no tenant_id of type uuid NOT NULL"),
    ("CREATE TABLE planted (tenant_id uuid NOT NULL, id uuid)", "table planted has no primary key that begins"),
    ("CREATE TABLE planted (tenant_id uuid, id uuid, PRIMARY KEY (id, tenant_id))", "table planted has no primary key that"),
    ("CREATE SCHEMA side; CREATE TABLE side.planted (id uuid)", "table side.planted lies outside the schema public"),
    (SOUND + "ALTER TABLE planted DISABLE ROW LEVEL SECURITY", "row-level security is off on table planted"),
    (SOUND + "ALTER TABLE planted NO FORCE ROW LEVEL SECURITY", "row-level security is not forced on table planted"),
    (SOUND + "DROP POLICY tenant_isolation ON planted", "table planted does not carry exactly the policies"),
    (SOUND + "CREATE POLICY more ON planted FOR SELECT USING (true)", "table planted does not carry exactly the policies"),
    (SOUND + "SELECT konstruct_share('planted', 'SELECT')", "table planted does not carry exactly the policies"),
    (SOUND + "SELECT konstruct_share('planted', 'SELECT')", "the fleet login may reach table planted"),
    ("DROP POLICY fleet ON ready_queue", "table ready_queue does not carry exactly the policies"),
    ("ALTER POLICY fleet ON workers TO PUBLIC", "table workers does not carry exactly the policies"),
    ("CREATE POLICY more ON workers USING (true)", "table workers does not carry exactly the policies"),
    ("GRANT SELECT (text) ON messages TO konstruct_fleet", "the fleet login may reach table messages"),
    # Partitions.
    ("DO $$ BEGIN EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', ({p})); END $$", "not forced on table inbound_"),
    ("DO $$ BEGIN EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', ({p})); END $$", "is off on table inbound_"),
    ("DO $$ BEGIN EXECUTE format('DROP POLICY tenant_isolation ON %s', ({p})); END $$", "does not carry exactly the policies"),
    ("DO $$ BEGIN EXECUTE format('GRANT SELECT ON %s TO konstruct_app', ({p})); END $$", "is granted to konstruct_app"),
    ("DO $$ BEGIN EXECUTE format('GRANT INSERT ON %s TO konstruct_fleet', ({p})); END $$", "is granted to konstruct_fleet"),
    ("DO $$ BEGIN EXECUTE format('GRANT SELECT (body) ON %s TO konstruct_app', ({p})); END $$", "is granted to konstruct_app"),
    (
        "CREATE TABLE inbound_events_209901 PARTITION OF inbound_events FOR VALUES FROM ('2099-01-01') TO ('2099-02-01')",
        "row-level security is off on table inbound_events_209901",
    ),
    # Foreign keys.
    (
        "CREATE UNIQUE INDEX one ON messages (id); CREATE TABLE planted (tenant_id uuid, id uuid REFERENCES messages (id))",
        "foreign key planted_id_fkey of table planted does not pair its tenant_id with that of messages",
    ),
    (
        "CREATE UNIQUE INDEX turned ON contacts (id, tenant_id); CREATE TABLE planted (tenant_id uuid NOT NULL, id uuid,"
        " PRIMARY KEY (tenant_id, id), CONSTRAINT crossed FOREIGN KEY (tenant_id, id) REFERENCES contacts (id, tenant_id))",
        "foreign key crossed of table planted does not pair its tenant_id with that of contacts",
    ),
    (
        "CREATE TABLE planted (tenant uuid PRIMARY KEY REFERENCES tenants (tenant_id))",
        "foreign key planted_tenant_fkey of table planted does not pair its tenant_id with that of tenants",
    ),
    ("CREATE TABLE planted (tenant_id uuid, id uuid REFERENCES operators (id))", "names operators, which has no tenant_id"),
    (
        "CREATE TABLE planted (tenant_id uuid, at timestamptz, id uuid, PRIMARY KEY (tenant_id, at, id),"
        " FOREIGN KEY (tenant_id, at, id) REFERENCES inbound_events (tenant_id, received_at, id))",
        "of table planted points at the partitioned table inbound_events",
    ),
    # Unique over all tenants.
    ("CREATE UNIQUE INDEX slug ON tenants (name) {none}", "unique index slug on table tenants does not begin with tenant_id"),
    (
        "CREATE UNIQUE INDEX slug ON tenants (lower(name)) {none}",
        "unique index slug on table tenants does not begin with tenant_id",
    ),
    ("CREATE UNIQUE INDEX late ON members (email, tenant_id) {none}", "unique index late on table members does not begin with"),
    ("CREATE UNIQUE INDEX other ON channel_routes (account_key) {none}", "unique index other on table channel_routes"),
    ("ALTER TABLE members ADD CONSTRAINT no_two EXCLUDE (email WITH =) {none}", "unique index no_two on table members"),
    # Grants.
    ("GRANT TRUNCATE ON messages TO konstruct_app", "TRUNCATE on table messages is granted to konstruct_app"),
    ("GRANT REFERENCES (id) ON messages TO konstruct_fleet", "REFERENCES on table messages is granted to"),
    ("GRANT TRIGGER ON messages TO konstruct_maintenance", "TRIGGER on table messages is granted to"),
    ("GRANT MAINTAIN ON messages TO konstruct_app", "MAINTAIN on table messages is granted to konstruct_app"),
    ("GRANT SELECT ON messages TO PUBLIC", "table messages is granted to PUBLIC"),
    ("GRANT SELECT (text) ON messages TO PUBLIC", "table messages is granted to PUBLIC"),
    # Objects that no policy reaches.
    ("CREATE VIEW peek AS SELECT * FROM messages", "view peek is read with its owner's rights"),
    ("CREATE VIEW peek WITH (security_invoker = false) AS SELECT * FROM messages", "view peek is read with its owner's rights"),
    ("CREATE VIEW peek WITH (security_invoker = true) AS SELECT * FROM messages", None),
    ("CREATE MATERIALIZED VIEW peek AS SELECT 1 AS one WITH NO DATA", "materialized view peek"),
    ("CREATE SCHEMA side; CREATE VIEW side.peek AS SELECT * FROM messages", "view side.peek is read with its owner's rights"),
    (
        "CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM messages'",
        "function peek runs with its owner's rights",
    ),
    ("CREATE FUNCTION peek() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM messages'", None),
    (SOUND, None),
]


async def problems(connection: Connection) -> list[str]:
    """Return what every rule says, that about the fleet as the fleet role sees it."""
    session = Session(connection)
    found = [*await forced_problems(session), *await policy_problems(session), *await structure_problems(session)]
    await connection.execute(f"SET LOCAL ROLE {FLEET}")
    found += await fleet_reach_problems(session)
    await connection.execute(f"SET LOCAL ROLE {OWNER}")
    return found


@pytest.fixture
async def owner(cluster: Postgres, urls: RoleUrls) -> AsyncIterator[Connection]:
    """A transaction as the tables' owner, rolled back."""
    address = urlunsplit(urlsplit(cluster.admin_url)._replace(path=urlsplit(urls.app).path))
    connection = await asyncpg.connect(address)
    await connection.execute(f"BEGIN; SET LOCAL ROLE {OWNER}")
    yield connection
    await connection.execute("ROLLBACK")
    await connection.close()


async def test_every_table_key_grant_and_object_is_sound(owner: Connection) -> None:
    assert await problems(owner) == []
    (tables,) = await owner.fetchrow("SELECT array_agg(name) FROM (" + OURS + ") AS t (name)", ["r", "p"])
    assert len(tables) > 50, "rules over an empty catalogue find nothing either"
    assert set(tables) >= SHARED_TABLES | FLEET_TABLES, "an allow-list names what is there"
    assert {name for (name,) in await owner.fetch(OURS, ["i"])} >= SHARED_UNIQUE


async def test_each_damage_is_named(owner: Connection) -> None:
    for damage, says in DAMAGES:
        await owner.execute("SAVEPOINT sound")
        await owner.execute(damage.replace("{p}", PARTITION).replace("{none}", NONE))
        found = await problems(owner)
        if says is None:
            assert found == [], f"nothing is wrong with: {damage}"
        else:
            assert [line for line in found if says in line], f"nobody names: {damage}; found {found}"
        await owner.execute("ROLLBACK TO SAVEPOINT sound")
    assert await problems(owner) == []


async def test_no_login_role_is_strong(db: Database, owner: Connection) -> None:
    assert await logins(db) == []
    rows = await owner.fetch(
        "SELECT rolname::text, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin FROM pg_roles"
        " WHERE rolname ~ '^konstruct_'"
    )
    found = {row[0]: list(row)[1:] for row in rows}
    assert found == {
        OWNER: [False] * 6,
        APP: [False] * 5 + [True],
        FLEET: [False] * 5 + [True],
        MAINTENANCE: [False] * 5 + [True],
    }
    may = "SELECT has_schema_privilege($1, 'public', 'CREATE'), has_database_privilege($1, current_database(), 'CREATE, TEMP')"
    for role in (APP, FLEET, MAINTENANCE):
        assert tuple(await owner.fetchrow(may, role)) == (False, False), role
