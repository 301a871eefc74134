"""A fleet with a past: conversations, messages, turns and calls as a year would leave them, written by the server itself."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg

_SQL = Path(__file__).parent / "filling.sql"
PER_CONVERSATION = 50


async def fill(admin_url: str, tenants: Sequence[UUID], messages: int) -> None:
    """Give each of `tenants` so many messages, in conversations of PER_CONVERSATION, with all that belongs to them."""
    connection = await asyncpg.connect(admin_url)
    try:
        for tenant_id in tenants:
            # The superuser of a bench writes past the policies: a year in a minute. No other login can.
            await connection.execute("SELECT set_config('bench.tenant', $1, false)", str(tenant_id))
            await connection.execute("SELECT set_config('bench.conversations', $1, false)", str(messages // PER_CONVERSATION))
            await connection.execute(_SQL.read_text(encoding="utf-8"))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
