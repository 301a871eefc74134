"""Several services' work in one transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession

T = TypeVar("T")


class JoinedDatabase(Database):
    """Gives out a session that is open already: what services do through it commits together with the rest, or not at all.

    It reaches the one tenant of its session, and no platform table.
    """

    def __init__(self, session: TenantSession) -> None:
        # Without pools: every other way to a session ends in an AttributeError.
        self._session = session

    @asynccontextmanager
    async def tenant(self, scope: TenantScope, *, timeout_s: float | None = None) -> AsyncIterator[TenantSession]:
        """Give the open session. Raises ValueError for another tenant than its own."""
        if scope != self._session.scope:
            raise ValueError("a joined session has one tenant")
        yield self._session

    async def run(self, scope: TenantScope, work: Callable[[TenantSession], Awaitable[T]]) -> T:
        """Return `work(session)`; whoever opened the transaction repeats all of it where that is needed."""
        async with self.tenant(scope) as session:
            return await work(session)
