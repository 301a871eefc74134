"""Every table and partition, as the catalogue lists it, with a real row of each: what attacks on all of them need to know."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from konstruct.kit.ids import uuid7

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row = dict[str, Any]

REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError, asyncpg.InvalidTextRepresentationError)
"""42501: no grant, or the policy's check. The other two: `current_setting('app.tenant_id')::uuid` without a tenant."""

_RELATIONS = """
SELECT c.relname::text AS name, c.relispartition AS partition,
  EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped) AS has_tenant,
  ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attgenerated = '' ORDER BY a.attnum) AS columns,
  ARRAY(SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
        WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY a.attnum) AS key
FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND c.relname <> 'alembic_version'
ORDER BY 1
"""
_FOREIGN_KEYS = """
SELECT f.conname::text AS name, f.conrelid::regclass::text AS child,
  ARRAY(SELECT a.attname::text FROM unnest(f.conkey) WITH ORDINALITY AS k (n, place) JOIN pg_attribute a
        ON a.attrelid = f.conrelid AND a.attnum = k.n ORDER BY place) AS columns,
  f.confrelid::regclass::text AS parent,
  ARRAY(SELECT a.attname::text FROM unnest(f.confkey) WITH ORDINALITY AS k (n, place) JOIN pg_attribute a
        ON a.attrelid = f.confrelid AND a.attnum = k.n ORDER BY place) AS parent_columns
FROM pg_constraint f WHERE f.contype = 'f' AND f.conparentid = 0 AND cardinality(f.conkey) > 1
  AND f.conrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND NOT relispartition) ORDER BY 2, 1
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a partition. `columns` are those that an INSERT may name."""

    name: str
    partition: bool
    has_tenant: bool
    columns: tuple[str, ...]
    key: tuple[str, ...]

    @property
    def insert(self) -> str:
        """INSERT of one row, given as JSON in $1."""
        names = ", ".join(f'"{column}"' for column in self.columns)
        return f"INSERT INTO {self.name} ({names}) SELECT {names} FROM jsonb_populate_record(NULL::{self.name}, $1::jsonb)"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of more than one column, the first of each side the tenant."""

    name: str
    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]


class Sight:
    """What a superuser sees: the attacker's knowledge, and the judge of what came of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def change(self, sql: str) -> None:
        """Change the database itself."""
        await self._connection.execute(sql)

    async def relations(self) -> list[Relation]:
        """Return every table and partition but the migrations' own."""
        rows = await self._connection.fetch(_RELATIONS)
        return [Relation(r["name"], r["partition"], r["has_tenant"], tuple(r["columns"]), tuple(r["key"])) for r in rows]

    async def foreign_keys(self) -> list[ForeignKey]:
        """Return the foreign keys of more than one column."""
        rows = await self._connection.fetch(_FOREIGN_KEYS)
        return [ForeignKey(r["name"], r["child"], tuple(r["columns"]), r["parent"], tuple(r["parent_columns"])) for r in rows]

    async def row(self, relation: str, tenant_id: UUID | None, having: str = "true") -> Row | None:
        """Return a row of the tenant (any row of a table without one) as JSON, None if there is none."""
        whose = "true" if tenant_id is None else f"t.tenant_id = '{tenant_id}'"
        found = await self._connection.fetchval(f"SELECT to_jsonb(t) FROM {relation} t WHERE {whose} AND {having} LIMIT 1")
        return None if found is None else dict(json.loads(found))

    async def count(self, relation: str, tenant_id: UUID) -> int:
        """Return how many rows of the tenant there are."""
        return int(await self._connection.fetchval(f"SELECT count(*) FROM {relation} WHERE tenant_id = $1", tenant_id))


@asynccontextmanager
async def attempt(connection: Connection, setting: str | None = None) -> AsyncIterator[None]:
    """A transaction that is rolled back, with `app.tenant_id` set to `setting` unless it is None."""
    await connection.execute("BEGIN")
    try:
        if setting is not None:
            await connection.execute("SELECT set_config('app.tenant_id', $1, true)", setting)
        yield
    finally:
        await connection.execute("ROLLBACK")


async def refused(connection: Connection, sql: str, *args: Any, setting: str | None = None) -> str | None:
    """Return None if the statement is refused, else what it did."""
    try:
        async with attempt(connection, setting):
            done = await connection.execute(sql, *args)
    except REFUSED:
        return None
    except asyncpg.PostgresError as error:
        # A key or a check came in its way, which nobody may come so far as to meet.
        return f"{sql[:90]}: {error.sqlstate}"
    return f"{sql[:90]}: {done}"


def renamed(row: Row, key: tuple[str, ...], kept: tuple[str, ...]) -> Row:
    """Return the row under a key of its own: ids of the primary key are new, save those `kept`."""
    return {
        column: str(uuid7()) if column in key and column not in kept and _is_uuid(value) else value
        for column, value in row.items()
    }


def _is_uuid(value: Any) -> bool:
    try:
        UUID(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True
