"""A process that freezes within a transaction holds its rows; the server must not wait for it for ever."""

from __future__ import annotations

import asyncpg
import pytest

from konstruct.db.bootstrap import RoleUrls
from tests.support.house import until

LONGEST_MS = 60_000


@pytest.mark.parametrize("role", ["app", "fleet"])
async def test_a_transaction_ends_even_if_its_client_froze_between_two_messages_of_a_statement(urls: RoleUrls, role: str) -> None:
    frozen, witness = [await asyncpg.connect(getattr(urls, role)) for _ in range(2)]
    try:
        limit = await frozen.fetchval("SELECT setting::int FROM pg_settings WHERE name = 'transaction_timeout'")
        assert 0 < limit <= LONGEST_MS
        await frozen.execute("SET transaction_timeout = 500")
        await frozen.execute("BEGIN; SELECT pg_advisory_xact_lock(4711)")
        # Described, and not executed: the server waits for the rest, and does not count that as idle.
        await frozen.prepare("SELECT 1")
        state = await witness.fetchval("SELECT state FROM pg_stat_activity WHERE pid = $1", frozen.get_server_pid())
        assert state == "active"

        async def free() -> bool:
            return bool(await witness.fetchval("SELECT pg_try_advisory_xact_lock(4711)"))

        await until(free)
    finally:
        frozen.terminate()
        await witness.close()
