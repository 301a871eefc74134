"""The sandbox's clock is its own, the product's is the database's: what time does to a window of the product is done here."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from konstruct.channels.routes_repository import find_routes
from konstruct.db.database import Database
from konstruct.local.sandbox.ageing_repository import close_windows_sooner
from konstruct.local.sandbox.store import SandboxStore

log = structlog.get_logger()


class Ageing:
    """Of the embedded instance alone. `database` is asked when the clock is moved: it opens after the routes are there."""

    def __init__(self, database: Callable[[], Database], store: SandboxStore) -> None:
        self._database = database
        self._store = store

    async def let_pass(self, seconds: float) -> None:
        """Let the windows of everybody who wrote to a number of the sandbox end `seconds` sooner."""
        numbers = [number.phone_number_id for number in self._store.meta.businesses.all_numbers()]
        db = self._database()
        routes = await find_routes(db, "whatsapp", numbers)
        for route in routes.values():
            async with db.tenant(route.scope) as session:
                await close_windows_sooner(session, route.account_id, seconds)
        log.info("sandbox_time_passed", accounts=len(routes), seconds=seconds)
