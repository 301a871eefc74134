"""Bootstrap, once and again."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from konstruct.db.bootstrap import RolePasswords, bootstrap
from konstruct.local.postgres import Postgres
from tests.conftest import PASSWORDS


async def test_it_may_be_run_again_and_changes_passwords_only(cluster: Postgres) -> None:
    before = await _attributes(cluster)
    urls = await bootstrap(cluster.admin_url, database="again", passwords=PASSWORDS)
    changed = RolePasswords(app="other-pass", fleet=PASSWORDS.fleet, maintenance=PASSWORDS.maintenance)
    try:
        again = await bootstrap(cluster.admin_url, database="again", passwords=changed)
        assert urlsplit(again.app).password == "other-pass"
        await (await asyncpg.connect(again.app)).close()
    finally:
        # Roles are shared by the databases of a cluster: the other tests log in with these.
        assert await bootstrap(cluster.admin_url, database="again", passwords=PASSWORDS) == urls
    assert await _attributes(cluster) == (before or await _attributes(cluster))


async def _attributes(cluster: Postgres) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(cluster.admin_url)
    try:
        rows = await connection.fetch(
            "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls FROM pg_roles"
            " WHERE rolname LIKE 'konstruct%' ORDER BY 1"
        )
    finally:
        await connection.close()
    return [tuple(row) for row in rows]
