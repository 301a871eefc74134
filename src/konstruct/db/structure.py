"""What the server's catalogue says about keys, grants and objects: each function returns problems, one clear line each.

Policies keep rows apart only while nothing goes round them: a foreign key that may name another tenant's row, a unique
index over all tenants that tells what others have, a view or function with more rights than its caller, a grant on a
partition. The policies themselves are looked at in `catalogue`.
"""

from __future__ import annotations

from konstruct.db.catalogue import FLEET_TABLES, UNPROTECTED
from konstruct.db.session import Session

SHARED_UNIQUE = frozenset(("channel_routes_account_once", "channel_routes_claims_apart", "channel_holdings_of_one_tenant"))
"""Unique indexes over all tenants: a provider's account belongs to one business only."""
DEFINER_FUNCTIONS: frozenset[str] = frozenset()
"""Functions that may run with their owner's rights."""

# A schema that holds no table of ours may be an extension's; what an extension brings along is the administrator's choice.
_OURS = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_OF_EXTENSION = "EXISTS (SELECT 1 FROM pg_depend e WHERE e.objid = {}.oid AND e.deptype = 'e')"
_COLUMNS = """
SELECT c.relname::text AS name, t.typname::text AS type, a.attnotnull AS filled,
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND i.indkey[0] = a.attnum) AS leads
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
LEFT JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND n.nspname = 'public' AND NOT c.relname = ANY ($1) ORDER BY 1
"""
_UNIQUE = """
SELECT c.relname::text AS name, x.relname::text AS index
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE (i.indisunique OR i.indisexclusion) AND n.nspname = 'public' AND NOT x.relname = ANY ($1) AND i.indkey[0] <> a.attnum
ORDER BY 1, 2
"""
# `paired`: the key matches the tenant of the one row with the tenant of the other.
_FOREIGN = """
SELECT f.conname::text AS key, c.relname::text AS child, p.relname::text AS parent, p.relkind = 'p' AS partitioned,
  f.conparentid <> 0 AS inherited, a.attnum IS NOT NULL AS child_has, b.attnum IS NOT NULL AS parent_has,
  EXISTS (SELECT 1 FROM unnest(f.conkey, f.confkey) AS k (child, parent)
          WHERE k.child = a.attnum AND k.parent = b.attnum) AS paired
FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class p ON p.oid = f.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
LEFT JOIN pg_attribute b ON b.attrelid = p.oid AND b.attname = 'tenant_id' AND NOT b.attisdropped
WHERE f.contype = 'f' AND n.nspname = 'public' ORDER BY 2, 1
"""
_GRANTS = f"""
WITH granted AS (
  SELECT c.oid, NULL::name AS attname, c.relacl AS acl FROM pg_class c WHERE c.relacl IS NOT NULL
  UNION ALL SELECT a.attrelid, a.attname, a.attacl FROM pg_attribute a WHERE a.attacl IS NOT NULL
)
SELECT c.relname::text AS name, c.relispartition AS partition, bool_or(g.grantee = 0) AS everybody,
  string_agg(DISTINCT coalesce(r.rolname, 'PUBLIC'), ', ') AS grantees,
  string_agg(DISTINCT g.privilege_type, ', ')
    FILTER (WHERE NOT g.privilege_type = ANY (ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'])) AS too_much
FROM granted t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL aclexplode(t.acl) AS g LEFT JOIN pg_roles r ON r.oid = g.grantee
WHERE c.relkind IN ('r', 'p') AND {_OURS} AND NOT {_OF_EXTENSION.format("c")} AND g.grantee <> c.relowner
GROUP BY c.oid, c.relname, c.relispartition
HAVING c.relispartition OR bool_or(g.grantee = 0)
  OR bool_or(NOT g.privilege_type = ANY (ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']))
ORDER BY 1
"""
_RELATIONS = f"""
SELECT n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind, o.rolname::text AS owner,
  (o.rolcanlogin OR o.rolsuper OR o.rolbypassrls) AS strong,
  coalesce((SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'security_invoker'), 'false')
    IN ('true', 'on', 'yes', '1') AS invoker
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_roles o ON o.oid = c.relowner
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND {_OURS} AND NOT {_OF_EXTENSION.format("c")} ORDER BY 1, 2
"""
_DEFINERS = f"""
SELECT p.proname::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND {_OURS} AND NOT {_OF_EXTENSION.format("p")} AND NOT p.proname = ANY ($1) ORDER BY 1
"""


async def structure_problems(session: Session) -> list[str]:
    """Return all of the problems below."""
    return [
        *await key_problems(session),
        *await foreign_key_problems(session),
        *await grant_problems(session),
        *await object_problems(session),
    ]


async def key_problems(session: Session) -> list[str]:
    """Return the tables whose rows are not told apart by tenant first: primary keys and unique indexes without it in front."""
    problems = []
    for row in await session.fetch(_COLUMNS, [*FLEET_TABLES, *UNPROTECTED]):
        if row["type"] != "uuid" or not row["filled"]:
            problems.append(f"table {row['name']} has no tenant_id of type uuid NOT NULL")
        elif not row["leads"]:
            problems.append(f"table {row['name']} has no primary key that begins with tenant_id")
    for row in await session.fetch(_UNIQUE, list(SHARED_UNIQUE)):
        problems.append(f"unique index {row['index']} on table {row['name']} does not begin with tenant_id")
    return problems


async def foreign_key_problems(session: Session) -> list[str]:
    """Return the foreign keys by which a row may name another tenant's, and those that point at a partitioned table."""
    problems = []
    for row in await session.fetch(_FOREIGN):
        which = f"foreign key {row['key']} of table {row['child']}"
        if row["parent_has"] and not row["paired"]:
            problems.append(f"{which} does not pair its tenant_id with that of {row['parent']}")
        elif row["child_has"] and not row["parent_has"]:
            problems.append(f"{which} names {row['parent']}, which has no tenant_id")
        if row["partitioned"] and not row["inherited"]:
            problems.append(f"{which} points at the partitioned table {row['parent']}")
    return problems


async def grant_problems(session: Session) -> list[str]:
    """Return the grants on partitions, those to PUBLIC, and those of more than reading and writing rows."""
    problems = []
    for row in await session.fetch(_GRANTS):
        if row["partition"]:
            problems.append(f"partition {row['name']} is granted to {row['grantees']}: it is reached through its parent only")
        elif row["too_much"]:
            problems.append(f"{row['too_much']} on table {row['name']} is granted to {row['grantees']}")
        elif row["everybody"]:
            problems.append(f"table {row['name']} is granted to PUBLIC")
    return problems


async def object_problems(session: Session) -> list[str]:
    """Return the relations and functions that row-level security does not reach, and tables of an owner whom it may not hold."""
    problems = []
    for row in await session.fetch(_RELATIONS):
        name = row["name"] if row["schema"] == "public" else f"{row['schema']}.{row['name']}"
        if row["kind"] == "m":
            problems.append(f"materialized view {name}: its rows lie behind no policy")
        elif row["kind"] == "f":
            problems.append(f"foreign table {name}: its rows lie behind no policy")
        elif row["kind"] == "v" and not row["invoker"]:
            problems.append(f"view {name} is read with its owner's rights: it needs security_invoker")
        elif row["kind"] in ("r", "p") and row["schema"] != "public":
            problems.append(f"table {name} lies outside the schema public, where nothing looks after its policies")
        elif row["strong"]:
            problems.append(f"{name} belongs to {row['owner']}: tables belong to a role that cannot log in")
    for row in await session.fetch(_DEFINERS, list(DEFINER_FUNCTIONS)):
        problems.append(f"function {row['name']} runs with its owner's rights (SECURITY DEFINER)")
    return problems
