"""What the server's catalogue says about tenancy: each function returns problems, one clear line each, none if all is well."""

from __future__ import annotations

from functools import cache

import asyncpg

from konstruct.db.bootstrap import FLEET, MINIMUM_SERVER, MINIMUM_VECTOR, OWNER
from konstruct.db.session import Session

SHARED_TABLES = frozenset(
    (
        "tenant_directory",
        "channel_routes",
        "channel_holdings",
        "account_standings",
        "dedupe_keys",
        "ready_queue",
        "fair_shares",
        "member_emails",
        "dead_letters",
        "tenant_health",
        "tenant_jobs",
        "document_jobs",
        "search_progress",
    )
)
"""Tables with a tenant that the fleet role works on as well: ids, states, times and counts only."""
FLEET_TABLES = frozenset(
    ("unrouted_events", "workers", "fair_clock", "operators", "operator_links", "operator_sessions", "maintenance_runs")
)
"""Platform tables without a tenant."""
UNPROTECTED = frozenset(("alembic_version",))
"""Tables that hold nothing of anybody."""
_TEMPLATE = "(tenant_id = (current_setting('app.tenant_id'::text))::uuid)"
"""The one tenant policy, as the server prints it."""

_LOGIN = """
SELECT session_user::text AS login, current_user::text AS acting, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
  ARRAY(SELECT o.rolname::text FROM pg_roles o WHERE o.oid <> r.oid AND (o.rolsuper OR o.rolbypassrls OR o.rolname = $1)
        AND pg_has_role(r.oid, o.oid, 'MEMBER') ORDER BY 1) AS becomes,
  ARRAY(SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relowner = r.oid AND c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname !~ '^pg_' ORDER BY 1 LIMIT 5) AS owns,
  ARRAY(SELECT n.nspname::text FROM pg_namespace n
        WHERE n.nspname !~ '^pg_' AND has_schema_privilege(r.oid, n.oid, 'CREATE') ORDER BY 1 LIMIT 5) AS creates,
  ARRAY(SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public'
        AND has_table_privilege(r.oid, c.oid, 'TRUNCATE, REFERENCES, TRIGGER') ORDER BY 1 LIMIT 5) AS truncates
FROM pg_roles r WHERE r.rolname = session_user
"""
_TABLES = """
SELECT c.relname::text AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
  EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant,
  ARRAY(SELECT concat_ws(' ', CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END, p.polcmd,
          coalesce((SELECT string_agg(o.rolname, ',') FROM pg_roles o WHERE o.oid = ANY (p.polroles)), 'public'),
          pg_get_expr(p.polqual, c.oid), coalesce(pg_get_expr(p.polwithcheck, c.oid), pg_get_expr(p.polqual, c.oid)))
        FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1) AS policies
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' ORDER BY 1
"""


async def login_problems(session: Session, purpose: str) -> list[str]:
    """Return what the session's login may do that it must not. `purpose` names it in the text: app or fleet."""
    row = await session.fetchrow(_LOGIN, OWNER)
    assert row is not None
    who = f"the {purpose} login {row['login']}"
    rules: list[tuple[object, str]] = [
        (row["rolsuper"], "is a SUPERUSER, whom no row-level security holds"),
        (row["rolbypassrls"], "has BYPASSRLS"),
        (row["rolcreaterole"], "has CREATEROLE"),
        (row["acting"] != row["login"], f"acts as {row['acting']}, and could reset that"),
        (row["becomes"], f"is a member of {_names(row['becomes'])}"),
        (row["owns"], f"owns {_names(row['owns'])}"),
        (row["creates"], f"has CREATE on schema {_names(row['creates'])}"),
        (row["truncates"], f"has TRUNCATE, REFERENCES or TRIGGER on {_names(row['truncates'])}"),
    ]
    # Everything else is true of a superuser as well; one line says it.
    broken = [f"{who} {text}: use the role that `konstruct migrate --bootstrap` makes" for wrong, text in rules if wrong]
    return broken[:1] if row["rolsuper"] else broken


async def maintenance_problems(session: Session) -> list[str]:
    """Return what the session's login, the maintenance one, may do beyond becoming the owner, and whether it may that."""
    row = await session.fetchrow(
        "SELECT r.rolname::text AS login, r.rolsuper, r.rolbypassrls, r.rolcreaterole,"
        " pg_has_role(r.oid, $1::name, 'SET') AS may_own FROM pg_roles r WHERE r.rolname = session_user",
        OWNER,
    )
    assert row is not None
    who = f"the maintenance login {row['login']}"
    rules: list[tuple[object, str]] = [
        (row["rolsuper"], "is a SUPERUSER, whom no row-level security holds"),
        (row["rolbypassrls"], "has BYPASSRLS"),
        (row["rolcreaterole"], "has CREATEROLE"),
        (not row["may_own"], f"may not become {OWNER}, so that no partition is made and no migration runs"),
    ]
    return [f"{who} {text}" for wrong, text in rules if wrong]


async def login_name(session: Session) -> str:
    """Return the role that logged in."""
    return str(await session.fetchval("SELECT session_user::text"))


async def server_problems(session: Session) -> list[str]:
    """Return whether the server is too old."""
    number = int(await session.fetchval("SELECT current_setting('server_version_num')"))
    return [] if number >= MINIMUM_SERVER else [f"PostgreSQL 18 or newer is needed, this server is {number // 10000}"]


async def extension_problems(session: Session) -> list[str]:
    """Return whether pgvector is missing or too old."""
    version = await session.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if version is None:
        return ["the extension vector is missing: run `konstruct migrate --bootstrap`"]
    if tuple(int(part) for part in version.split(".")[:2]) < MINIMUM_VECTOR:
        return [f"pgvector 0.8 or newer is needed, this server has {version}: ALTER EXTENSION vector UPDATE"]
    return []


async def forced_problems(session: Session) -> list[str]:
    """Return the tables whose row-level security is off or not forced."""
    return [
        f"row-level security is {'not forced' if row['enabled'] else 'off'} on table {row['name']}"
        for row in await session.fetch(_TABLES)
        if row["name"] not in UNPROTECTED and not (row["enabled"] and row["forced"])
    ]


async def policy_problems(session: Session) -> list[str]:
    """Return the tables whose policies are not exactly the template's, with the fleet's where the allow-list says so."""
    tenant, fleet = f"permissive * public {_TEMPLATE} {_TEMPLATE}", f"permissive * {FLEET} true true"
    problems = []
    for row in await session.fetch(_TABLES):
        name = row["name"]
        if name in UNPROTECTED:
            continue
        wanted = {fleet} if name in FLEET_TABLES else {tenant, fleet} if name in SHARED_TABLES else {tenant}
        if set(row["policies"]) != wanted or len(row["policies"]) != len(wanted):
            problems.append(f"table {name} does not carry exactly the policies of the template")
        elif not row["has_tenant"] and name not in FLEET_TABLES:
            problems.append(f"table {name} has no tenant_id")
    return problems


async def fleet_reach_problems(session: Session) -> list[str]:
    """Return the tables, besides the platform's, that the fleet session's login may read or write."""
    rows = await session.fetch(
        "SELECT c.relname::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND n.nspname = 'public' AND NOT c.relname = ANY ($1)"
        " AND (has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(c.oid, 'DELETE')) ORDER BY 1",
        [*SHARED_TABLES, *FLEET_TABLES, *UNPROTECTED],
    )
    return [f"the fleet login may reach table {row['name']}, which holds tenants' content" for row in rows]


@cache
def needed_revision() -> str:
    """Return the revision that this code needs, read once from its migrations."""
    # Alembic brings SQLAlchemy along, which nothing else in a running process needs.
    from konstruct.db.revision import head_revision

    return head_revision()


async def migration_problems(session: Session) -> list[str]:
    """Return whether the database is at another revision than this code needs."""
    head = needed_revision()
    try:
        found = await session.fetchval("SELECT version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        found = None
    if found == head:
        return []
    return [f"the database is at migration {found or 'none'}, this code needs {head}: run `konstruct migrate`"]


def _names(names: list[str]) -> str:
    return ", ".join(names)
