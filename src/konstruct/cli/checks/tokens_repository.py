"""SQL of the look for tokens: every text column that the login may read, newest rows first. No value leaves the server."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.db.session import FleetSession, Session, TenantSession

ROWS = 200
"""Rows of each table, the newest by primary key, that are looked at for a tenant, and for the platform."""
LONGEST = 1 << 16
"""Bytes, as stored, of a value that is looked at; a longer one is a file, or a document whose pieces are there too."""
FORMS = "|".join(
    (
        r"xox[abeoprs]-[0-9A-Za-z-]{6,}",  # Slack: bot, user, app configuration
        r"xapp-[0-9A-Za-z-]{6,}",
        r"\msk-[0-9A-Za-z_-]{16,}",  # model providers
        r"\mEAA[0-9A-Za-z]{20,}",  # Meta
        r"\mkst_[0-9a-f]{32}_[0-9A-Za-z_-]{16,}",  # our own API keys
    )
)
"""The forms of a token, as a regular expression of PostgreSQL."""

# Names come from the catalogue and are quoted by the server. `key` puts the newest rows first, as ids begin with their time.
_COLUMNS = """
SELECT c.relname::text AS name, quote_ident(c.relname) AS quoted,
  array_agg(quote_ident(a.attname) ORDER BY a.attnum) AS columns,
  array_agg(t.typname::text ORDER BY a.attnum) AS types,
  (SELECT string_agg(quote_ident(k.attname) || ' DESC', ', ' ORDER BY array_position(i.indkey::smallint[], k.attnum))
   FROM pg_index i JOIN pg_attribute k ON k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey)
   WHERE i.indrelid = c.oid AND i.indisprimary) AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public' AND has_table_privilege(c.oid, 'SELECT')
  AND t.typname IN ('text', 'varchar', 'bpchar', 'json', 'jsonb', '_text', 'bytea') AND c.relname <> 'alembic_version'
  AND EXISTS (SELECT 1 FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attname = 'tenant_id' AND NOT o.attisdropped) = ANY ($1)
GROUP BY c.oid, c.relname ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class Look:
    """One statement over all tables of a kind."""

    sql: str
    tables: int

    async def rows(self, session: TenantSession | FleetSession) -> list[tuple[str, int]]:
        """Return each column that holds something of the form of a token, as `table.column`, and in how many rows."""
        scope = [session.scope.tenant_id] if isinstance(session, TenantSession) else []
        return [(row["place"], row["n"]) for row in await session.fetch(self.sql, FORMS, *scope)] if self.tables else []


async def tenant_look(session: Session) -> Look:
    """Return the look at one tenant's rows, through its scope."""
    return await _look(session, [True], " WHERE tenant_id = $2")


async def platform_look(session: FleetSession) -> Look:
    """Return the look at the platform tables, of all tenants and of none."""
    return await _look(session, [True, False], "")


async def _look(session: Session, with_tenant: list[bool], where: str) -> Look:
    parts = []
    tables = await session.fetch(_COLUMNS, with_tenant)
    for table in tables:
        order = f" ORDER BY {table['key']}" if table["key"] else ""
        newest = f"SELECT {', '.join(table['columns'])} FROM {table['quoted']}{where}{order} LIMIT {ROWS}"
        tests = [
            f"SELECT '{table['name']}.{column.strip(chr(34))}' AS place FROM newest WHERE pg_column_size({column}) <= {LONGEST}"
            f" AND {_as_text(column, kind)} ~ $1"
            for column, kind in zip(table["columns"], table["types"], strict=True)
        ]
        parts.append(f"SELECT * FROM (WITH newest AS MATERIALIZED ({newest}) {' UNION ALL '.join(tests)}) AS t")
    return Look(f"SELECT place, count(*) AS n FROM ({' UNION ALL '.join(parts)}) AS all_tables GROUP BY place", len(tables))


def _as_text(column: str, kind: str) -> str:
    return f"encode({column}, 'escape')" if kind == "bytea" else column if kind == "text" else f"{column}::text"
