"""How many calls a tenant may have under way in this process. A tenant without a call leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.llm.port import LlmError


@dataclass(slots=True)
class _Entry:
    gate: asyncio.Semaphore
    users: int = 0


class TenantSlots:
    """One first-come-first-served gate per tenant, made at its first call and removed with its last."""

    def __init__(self, per_tenant: int) -> None:
        self._per_tenant = per_tenant
        self._entries: dict[UUID, _Entry] = {}

    def __len__(self) -> int:
        """How many tenants have a call under way or waiting."""
        return len(self._entries)

    @asynccontextmanager
    async def hold(self, scope: TenantScope, wait_s: float) -> AsyncIterator[None]:
        """Hold one of the tenant's slots. Raises LlmError (timeout) if none is free within `wait_s` seconds."""
        entry = self._entries.get(scope.tenant_id)
        if entry is None:
            entry = self._entries[scope.tenant_id] = _Entry(asyncio.Semaphore(self._per_tenant))
        entry.users += 1
        try:
            await _acquire(entry.gate, wait_s)
            try:
                yield
            finally:
                entry.gate.release()
        finally:
            entry.users -= 1
            if entry.users == 0:
                del self._entries[scope.tenant_id]


async def _acquire(gate: asyncio.Semaphore, wait_s: float) -> None:
    try:
        async with asyncio.timeout(wait_s):
            await gate.acquire()
    except TimeoutError:
        raise LlmError("timeout", "the deadline passed while the tenant's other calls were under way") from None
