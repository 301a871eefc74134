"""Control for tests and benchmarks: faults on order, and what was accepted."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from konstruct.local.sandbox.pages.routes import refuse_other_sites
from konstruct.local.sandbox.slack.faults import FaultOrder, Faults
from konstruct.local.sandbox.slack.limits import Limiter
from konstruct.local.sandbox.store import SandboxStore


def control_router(store: SandboxStore, faults: Faults, limiter: Limiter) -> APIRouter:
    """Return the routes under `/sandbox/control`."""
    router = APIRouter(prefix="/sandbox/control", include_in_schema=False)

    @router.post("/faults")
    async def order(request: Request, fault: FaultOrder) -> dict[str, int]:
        refuse_other_sites(request)
        faults.add(fault)
        return {"pending": faults.left()}

    @router.post("/reset")
    async def reset(request: Request) -> dict[str, int]:
        """Drop pending faults and forget what counted towards the rate limits."""
        refuse_other_sites(request)
        faults.clear()
        limiter.forget()
        return {"pending": 0}

    @router.get("/accepted")
    async def accepted(after: int = 0) -> list[dict[str, Any]]:
        return store.records.accepted_json(after)

    return router
