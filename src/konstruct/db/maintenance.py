"""Maintenance: what only the tables' owner may do, ahead of time. Runs in the beat process, as the maintenance login."""

from __future__ import annotations

import asyncpg

from konstruct.db.bootstrap import OWNER

MONTHS_AHEAD = 3
PARTITIONED = ("inbound_events",)


async def make_partitions(owner_url: str) -> list[str]:
    """Make the partitions of the months ahead; return the names of the new ones."""
    connection = await asyncpg.connect(owner_url, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute(f"SET LOCAL ROLE {OWNER}; SET LOCAL lock_timeout = '5s'")
            rows = await connection.fetch(
                "SELECT konstruct_partition(t, (now() + make_interval(months => m))::date) AS name"
                " FROM unnest($1::text[]) AS t, generate_series(0, $2) AS m",
                list(PARTITIONED),
                MONTHS_AHEAD,
            )
    finally:
        await connection.close()
    return [row["name"] for row in rows if row["name"] is not None]
