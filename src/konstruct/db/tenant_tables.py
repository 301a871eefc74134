"""The tables that hold tenants' rows, as the catalogue lists them: a new one is found without anybody naming it here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from konstruct.db.session import Session

# Partitions are reached through their parent. Names come from the catalogue and are quoted by the server all the same.
_TABLES = """
SELECT c.relname::text AS name, quote_ident(c.relname) AS quoted,
  has_table_privilege(c.oid, 'DELETE') AS deletable,
  ARRAY(SELECT quote_ident(a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns,
  ARRAY(SELECT quote_ident(a.attname) FROM pg_index i, unnest(i.indkey) WITH ORDINALITY AS k (number, place)
        JOIN pg_attribute a ON a.attnum = k.number AND a.attrelid = c.oid
        WHERE i.indrelid = c.oid AND i.indisprimary AND a.attname <> 'tenant_id' AND a.attrelid = i.indrelid
        ORDER BY k.place) AS key,
  ARRAY(SELECT DISTINCT p.relname::text FROM pg_constraint f JOIN pg_class p ON p.oid = f.confrelid
        WHERE f.conrelid = c.oid AND f.contype = 'f' AND f.confrelid <> c.oid AND NOT f.condeferrable) AS parents
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname = 'public' AND has_table_privilege(c.oid, 'SELECT')
  AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class TenantTable:
    """A table with a `tenant_id` that the session's login may read. Names are quoted, to be put into SQL."""

    name: str
    quoted: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    """The primary key without the tenant."""
    parents: frozenset[str]
    """The tables that its foreign keys name, itself and deferred ones left out."""
    deletable: bool


async def tenant_tables(session: Session) -> list[TenantTable]:
    """Return every table with tenants' rows that the session's login may read, by name."""
    return [
        TenantTable(
            row["name"], row["quoted"], tuple(row["columns"]), tuple(row["key"]), frozenset(row["parents"]), row["deletable"]
        )
        for row in await session.fetch(_TABLES)
    ]


def children_first(tables: Sequence[TenantTable]) -> list[TenantTable]:
    """Return the tables in an order in which each one's rows can be deleted: before those that its foreign keys name.

    Raises ValueError for tables that name each other in a circle without a deferred key: such a table could not be filled.
    """
    known: Mapping[str, TenantTable] = {table.name: table for table in tables}
    # A sorter puts predecessors first: here those are the tables that name this one.
    sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in known})
    for table in tables:
        for parent in table.parents & known.keys():
            sorter.add(parent, table.name)
    try:
        return [known[name] for name in sorter.static_order()]
    except CycleError as error:
        raise ValueError(f"tables name each other in a circle: {' → '.join(error.args[1])}") from None
