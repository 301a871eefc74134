"""Health: is the process alive, and is it ready for traffic."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from konstruct.db.catalogue import migration_problems
from konstruct.db.database import Database
from konstruct.kit.log_errors import error_name
from konstruct.kit.reach import reach_problem

READY_S = 1.0
"""Longest wait for all answers together: a load balancer's probe must not hang."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found. `problems`: the part and what is wrong with it; `notes` likewise, for what is not required."""

    problems: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether everything required answers."""
        return not self.problems

    def to_json(self) -> dict[str, object]:
        """Return the body of `/readyz`."""
        parts = {"database": "ok", "fleet": "ok", "migrations": "ok", "redis": "ok", "broker": "ok"}
        return {"ready": self.ready, **parts, **self.problems, **self.notes}


async def readiness(db: Database, *, redis_url: str | None, broker_url: str | None) -> Readiness:
    """Return whether both logins reach the database and it is migrated to this code's revision.

    Redis and the broker are looked at and reported; losing them delays, so they are not required. Takes READY_S at most.
    """
    found = dict(
        await asyncio.gather(
            _part("database", _database(db)),
            _part("fleet", _fleet(db)),
            _part("redis", _server(redis_url)),
            _part("broker", _server(broker_url)),
        )
    )
    if found["database"] is None:
        found |= dict([await _part("migrations", _migrations(db))])
    notes = {part: problem for part in ("redis", "broker") if (problem := found.pop(part)) is not None}
    return Readiness({part: problem for part, problem in found.items() if problem is not None}, notes)


def router() -> APIRouter:
    """Return the routes `/healthz` and `/readyz`; `request.app.state.deps` must hold `db` and `settings`."""
    routes = APIRouter()

    @routes.get("/healthz", include_in_schema=False)
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @routes.get("/readyz", include_in_schema=False)
    async def readyz(request: Request) -> JSONResponse:
        deps = request.app.state.deps
        secrets = deps.settings.redis_url, deps.settings.broker_url
        redis_url, broker_url = (secret.get_secret_value() if secret else None for secret in secrets)
        found = await readiness(deps.db, redis_url=redis_url, broker_url=broker_url)
        return JSONResponse(found.to_json(), status_code=200 if found.ready else 503)

    return routes


async def _part(name: str, look: Awaitable[str | None]) -> tuple[str, str | None]:
    try:
        async with asyncio.timeout(READY_S * 0.45):
            return name, await look
    except TimeoutError:
        return name, "no answer in time"
    except Exception as error:
        # Whatever it is, the answer is "not ready"; the driver's text may quote the address.
        return name, f"failed ({error_name(error)})"


async def _database(db: Database) -> str | None:
    async with db.unscoped() as session:
        await session.fetchval("SELECT 1")
    return None


async def _fleet(db: Database) -> str | None:
    async with db.fleet("readyz") as session:
        await session.fetchval("SELECT 1")
    return None


async def _migrations(db: Database) -> str | None:
    async with db.unscoped() as session:
        problems = await migration_problems(session)
    return problems[0] if problems else None


async def _server(url: str | None) -> str | None:
    return await reach_problem(url, READY_S * 0.4) if url else "not configured"
