"""Employees from before their fields: each version gets the name that its employee had, in every business."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import asyncpg
import pytest

from konstruct.db import migrate as migrating
from konstruct.db.bootstrap import bootstrap
from konstruct.kit.ids import uuid7
from konstruct.local.postgres import Postgres
from tests.conftest import PASSWORDS

DATABASE = "konstruct_before_fields"


def stop_at(monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    """Let no migration after `last` be known."""
    script = migrating._script()
    steps = script._upgrade_revs
    monkeypatch.setattr(script, "_upgrade_revs", lambda _, revision: steps(last, revision))
    monkeypatch.setattr(migrating, "_script", lambda: script)


async def old_businesses(address: str) -> None:
    """Two businesses as the code of revision 0007 made them, one with a second version."""
    connection = await asyncpg.connect(address)
    for business, employee, versions in (("Alpha", "Ada", 2), ("Beta", "Ben", 1)):
        tenant, agent = uuid7(), uuid7()
        async with connection.transaction():
            await connection.execute("INSERT INTO tenant_directory (tenant_id) VALUES ($1)", tenant)
            await connection.execute("INSERT INTO tenants (tenant_id, name) VALUES ($1, $2)", tenant, business)
            await connection.execute(
                "INSERT INTO agents (tenant_id, id, name, persona_version) VALUES ($1, $2, $3, $4)",
                tenant,
                agent,
                employee,
                versions,
            )
            await connection.execute(
                "INSERT INTO persona_versions (tenant_id, agent_id, version, persona) SELECT $1, $2, n, 'text ' || n"
                " FROM generate_series(1, $3) AS n",
                tenant,
                agent,
                versions,
            )
    await connection.close()


async def read(address: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(address)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def test_versions_from_before_keep_what_they_said_and_get_a_name(cluster: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = asyncio.run(bootstrap(cluster.admin_url, database=DATABASE, passwords=PASSWORDS))
    admin = urlsplit(cluster.admin_url)._replace(path=f"/{DATABASE}").geturl()
    with monkeypatch.context() as patch:
        stop_at(patch, "0007")
        assert migrating.migrate(urls.maintenance)[-1] == "0007"
    asyncio.run(old_businesses(admin))
    assert migrating.migrate(urls.maintenance)[0] == "0008"

    columns = "name, version, persona, tone, languages, working_hours, must_not, changed_by_name"
    told = f"SELECT {columns} FROM persona_versions ORDER BY 1, 2"
    assert asyncio.run(read(admin, told)) == [
        ("Ada", 1, "text 1", "neutral", [], None, "", ""),
        ("Ada", 2, "text 2", "neutral", [], None, "", ""),
        ("Ben", 1, "text 1", "neutral", [], None, "", ""),
    ]
    open_tables = (
        "SELECT relname FROM pg_class WHERE relname IN ('agents', 'members', 'persona_versions') AND NOT relforcerowsecurity"
    )
    assert asyncio.run(read(admin, open_tables)) == []
