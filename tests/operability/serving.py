"""Serves routers over real HTTP, as the web process does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import uvicorn
from fastapi import FastAPI

from konstruct.db.database import Database
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.web import health, metrics


@dataclass
class Deps:
    db: Database
    settings: Settings
    counters: Counters = field(default_factory=Counters)


@asynccontextmanager
async def served(deps: Deps) -> AsyncIterator[str]:
    """The two routers behind a real HTTP server."""
    app = FastAPI()
    app.state.deps = deps
    app.include_router(health.router())
    app.include_router(metrics.router())
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, lifespan="off"))
    config = server.config
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        await server.shutdown()


async def get(url: str) -> tuple[int, str]:
    # Far above the probe's own bound of 1 s: this only fails what would hang.
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=timeout) as client, client.get(url) as response:
        return response.status, await response.text()
