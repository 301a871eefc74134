"""The crew of processes that the fault tests share; each test gets it complete, and with tenants of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.faults.crew import Crew, crew_in


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared_crew(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crew]:
    async with crew_in(tmp_path_factory.mktemp("crew")) as crew:
        yield crew


@pytest_asyncio.fixture(loop_scope="package")
async def crew(shared_crew: Crew) -> Crew:
    """The crew, with all its processes running and nothing left of an earlier test."""
    await shared_crew.renew()
    return shared_crew
