"""The first page: is the installation well?"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from pydantic import SecretStr

from konstruct.jobs.fleet_overview import FleetOverview, read_overview
from konstruct.kit.reach import reach_problem
from konstruct.web.deps import deps_of
from konstruct.web.operator import wording
from konstruct.web.operator.guard import Signed
from konstruct.web.operator.pages import OperatorRoute, show

REACH_S = 0.4
SLOW_S = 60.0
"""A conversation that has been due for longer waits for a worker that is not there."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that has to work, and whether it does."""

    name: str
    says: str
    tone: str


@dataclass(frozen=True, slots=True)
class LaneView:
    """A lane as the page shows it."""

    name: str
    ready: int
    leased: int
    overdue: int
    age: str
    slow: bool


@dataclass(frozen=True, slots=True)
class OverviewView:
    """What the page shows."""

    fleet: FleetOverview
    lanes: list[LaneView]
    parts: list[Part]


def router() -> APIRouter:
    """Return the route /operator."""
    routes = APIRouter(route_class=OperatorRoute)
    routes.add_api_route("/operator", overview, methods=["GET"])
    return routes


async def overview(request: Request, operator: Signed) -> Response:
    """Show the fleet's state."""
    deps = deps_of(request)
    broker, valkey, fleet = await asyncio.gather(
        _reach(deps.settings.broker_url), _reach(deps.settings.redis_url), read_overview(deps.db)
    )
    parts = [
        _alive("Workers", fleet.alive["worker"], "answer and send"),
        _alive("Beat", fleet.alive["beat"], "runs the periodic jobs"),
        Part("Database", fleet.revision_problem or f"at revision {fleet.revision}", "bad" if fleet.revision_problem else "ok"),
        # Without either of them everything goes on, later or slower.
        Part("Broker", broker or "answers", "warn" if broker else "ok"),
        Part("Valkey", valkey or "answers", "warn" if valkey else "ok"),
    ]
    lanes = [
        LaneView(wording.LANES[lane.lane], lane.ready, lane.leased, lane.overdue, wording.span(lane.age_s), lane.age_s > SLOW_S)
        for lane in fleet.lanes
    ]
    return show("overview.html", operator, view=OverviewView(fleet, lanes, parts))


def _alive(name: str, count: int, does: str) -> Part:
    return Part(name, f"{count} alive" if count else f"none alive: nobody {does}", "ok" if count else "bad")


async def _reach(address: SecretStr | None) -> str | None:
    return await reach_problem(address.get_secret_value(), REACH_S) if address else "not configured"
