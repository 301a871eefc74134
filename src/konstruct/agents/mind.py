"""What an employee thinks with: the model's router and the business's documents, wired from the settings."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from konstruct.db.database import Database
from konstruct.kit.settings import Settings
from konstruct.llm.budget import PostgresBudget
from konstruct.llm.factory import build_router
from konstruct.llm.router import Router
from konstruct.memory.documents import Documents


@dataclass(frozen=True, slots=True)
class Mind:
    """A router that keeps to each tenant's budget, and the documents. Nothing of a tenant stays in it."""

    router: Router
    documents: Documents


async def open_mind(settings: Settings, db: Database) -> Mind:
    """Return what turns think with; the caller closes the router. Raises SettingsError for a missing or wrong setting."""
    documents = Documents(db)
    # Looking for a model server on this machine blocks for a second.
    return Mind(await asyncio.to_thread(build_router, settings, documents, budget=PostgresBudget(db)), documents)


class LazyMind:
    """A mind that is made when it is first needed: a web process serves webhooks without any model."""

    def __init__(self, settings: Settings, db: Database) -> None:
        self._settings = settings
        self._db = db
        self._mind: Mind | None = None
        self._making = asyncio.Lock()

    async def get(self) -> Mind:
        """Return the process's one mind. Raises SettingsError, each time until the settings are right."""
        async with self._making:
            if self._mind is None:
                self._mind = await open_mind(self._settings, self._db)
            return self._mind

    async def close(self) -> None:
        """Close the connections to the model, if there are any."""
        if self._mind is not None:
            await self._mind.router.close()
