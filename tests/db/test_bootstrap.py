"""Bootstrap, once and again."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from konstruct.db.bootstrap import RolePasswords, RoleUrls, bootstrap
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


async def test_no_transaction_of_a_frozen_client_holds_its_locks_for_ever(urls: RoleUrls) -> None:
    """Neither the limit of a statement nor that of an idle transaction ends one that waits in the middle of a statement."""
    for url in (urls.app, urls.fleet):
        connection = await asyncpg.connect(url)
        try:
            limit_ms = await connection.fetchval("SELECT setting::integer FROM pg_settings WHERE name = 'transaction_timeout'")
        finally:
            await connection.close()
        assert 0 < limit_ms <= 30_000


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
