"""The numbers of all businesses that need somebody: what is stopped and why, by ids alone."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from konstruct.jobs import numbers_overview
from konstruct.jobs.numbers_overview import Number
from konstruct.web.deps import deps_of
from konstruct.web.operator.guard import Signed
from konstruct.web.operator.pages import OperatorRoute, show

LEVELS = {
    "open": ("may send", "ok"),
    "no_outreach": ("writes to nobody first", "warn"),
    "replies_only": ("replies only", "bad"),
    "suspended": ("suspended", "bad"),
}


@dataclass(frozen=True, slots=True)
class NumberLine:
    """A number as the page shows it."""

    number: Number
    says: str
    tone: str


@dataclass(frozen=True, slots=True)
class NumbersView:
    """The page."""

    lines: list[NumberLine]


def router() -> APIRouter:
    """Return the route /operator/numbers."""
    routes = APIRouter(route_class=OperatorRoute)
    routes.add_api_route("/operator/numbers", show_numbers, methods=["GET"])
    return routes


async def show_numbers(request: Request, operator: Signed) -> Response:
    """Show the numbers that something is the matter with, the gravest first."""
    found = await numbers_overview.troubled(deps_of(request).db)
    return show("numbers.html", operator, view=NumbersView([NumberLine(each, *LEVELS[each.level]) for each in found]))
