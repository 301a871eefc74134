"""Usage: what the language model has cost, by day, conversation and channel, and the same as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse

from konstruct.channels import charges_report
from konstruct.conversations import ratings_repository
from konstruct.kit.errors import NotFoundError
from konstruct.llm import usage_reports, usage_reports_csv
from konstruct.llm.usage_reports import PeriodError
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page
from konstruct.web.portal.usage.view import UsageView

MESSAGES = "messages"
"""The file of what channels bill, beside those of what the language model took."""
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_USAGE))]


def router() -> APIRouter:
    """Return the routes of usage."""
    routes = APIRouter()
    routes.add_api_route("/usage", show, methods=["GET"])
    routes.add_api_route("/usage.csv", export, methods=["GET"])
    return routes


async def show(request: Request, visitor: Viewing) -> Response:
    """Show the usage between two days; for days that are none, the last month and what is wrong with them."""
    first, last = _days(request)
    error, status = "", 200
    async with deps_of(request).db.tenant(visitor.scope) as session:
        try:
            report = await usage_reports.read(session, first, last)
        except PeriodError as wrong:
            error, status = str(wrong), 422
            report = await usage_reports.read(session)
        days = (report.period.first, report.period.last)
        share = await ratings_repository.share_between(session, *days)
        messages = await charges_report.read(session, *days)
        of = (
            await charges_report.of_conversations(session, *days, [use.id for use in report.dearest])
            if messages.categories
            else {}
        )
    entered = (first, last) if error else None
    return page("usage/usage.html", visitor, status, view=UsageView(report, share, error, entered, messages, of))


async def export(request: Request, visitor: Viewing, by: str = "day") -> Response:
    """Send the usage between two days as a file."""
    kind = next((each for each in usage_reports_csv.KINDS if each == by), None)
    if kind is None and by != MESSAGES:
        raise NotFoundError(f"there is no file by {by}")
    db = deps_of(request).db
    async with db.tenant(visitor.scope) as session:
        period = await usage_reports.period_of(session, *_days(request))
    if kind is None:
        pieces = charges_report.lines(db, visitor.scope, period.first, period.last)
    else:
        pieces = usage_reports_csv.lines(db, visitor.scope, period, kind)
    return StreamingResponse(
        pieces,
        media_type="text/csv; charset=utf-8",
        headers={
            **HEADERS,
            "Content-Disposition": f'attachment; filename="usage-by-{kind or MESSAGES}-{period.first}-{period.last}.csv"',
        },
    )


def _days(request: Request) -> tuple[str, str]:
    """Return the two days of the address: `from` is a word of Python's."""
    return request.query_params.get("from", "")[:20], request.query_params.get("to", "")[:20]
