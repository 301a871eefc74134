"""What it took and cost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from konstruct.channels import charges_report
from konstruct.db.session import TenantSession
from konstruct.llm import usage_reports
from konstruct.llm import usage_reports_repository as repository
from konstruct.llm.usage_reports import Period, PeriodError, Report, Sums
from konstruct.llm.usage_repository import NO_ACCOUNT
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import LIMIT, Cursor, Limit, example
from konstruct.web.api.problems import FieldsError
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_USAGE))]
By = Literal["day", "channel", "conversation"]
_SUMS: dict[str, Any] = {
    "calls": 42, "failed_calls": 1, "unknown_cost_calls": 0, "input_tokens": 34104, "cached_tokens": 26880,
    "output_tokens": 1008, "cost_micro": 20160,
}  # fmt: skip


class Use(BaseModel):
    """What calls of the language model add up to."""

    model_config = example(**_SUMS)

    calls: int
    failed_calls: int | None = Field(description="null by conversation, where they are not counted.")
    unknown_cost_calls: int = Field(description="Calls whose price is not known: the cost does not hold them.")
    input_tokens: int
    cached_tokens: int = Field(description="Of the input tokens, those that the provider had in its cache.")
    output_tokens: int
    cost_micro: int | None = Field(description="Millionths of a US dollar; null where the price of no call is known.")


class Messages(BaseModel):
    """Messages that a channel's provider bills, or lets go free, in one of its categories."""

    model_config = example(category="service", billed=40, free=2)

    category: str = Field(description="The provider's word, such as service, utility, marketing.")
    billed: int = Field(description="Each counts once. What they cost is on the provider's invoice.")
    free: int


class UseOf(Use):
    """What one day, channel account or conversation took."""

    model_config = example(
        day="2026-03-01",
        account_id=None,
        channel=None,
        account_external_id=None,
        conversation_id=None,
        billed_messages=None,
        free_messages=None,
        **_SUMS,
    )

    day: date | None = Field(default=None, description="By day: which, in the business's time zone.")
    account_id: UUID | None = Field(default=None, description="By channel; null for what no channel asked for.")
    channel: str | None = Field(default=None, description="By channel or conversation; null once it is deleted.")
    account_external_id: str | None = None
    conversation_id: UUID | None = Field(default=None, description="By conversation.")
    billed_messages: int | None = Field(default=None, description="By conversation: messages that the channel's provider bills.")
    free_messages: int | None = Field(default=None, description="By conversation: those that it does not bill.")


class Usage(BaseModel):
    """The usage of a period."""

    model_config = example(
        **{"from": "2026-03-01", "to": "2026-03-31", "by": "day", "total": _SUMS, "next_cursor": None},
        items=[{"day": "2026-03-01", "account_id": None, "channel": None, "account_external_id": None, "conversation_id": None,
                "billed_messages": None, "free_messages": None, **_SUMS}],
        messages=[{"category": "service", "billed": 40, "free": 2}],
    )  # fmt: skip

    first: date = Field(serialization_alias="from", description="The first day.")
    last: date = Field(serialization_alias="to", description="The last day.")
    by: By
    total: Use = Field(description="Of the whole period, whatever the page.")
    items: list[UseOf] = Field(
        description="Days with calls, in order; channel accounts, the dearest first; or conversations, in the order of their ids."
    )
    messages: list[Messages] = Field(
        description="What the channels' providers bill, of the whole period; the most frequent first."
    )
    next_cursor: str | None = Field(description="Only by conversation: days and channels come all at once.")


def router() -> APIRouter:
    """Return the routes of /usage."""
    routes = APIRouter(route_class=ApiRoute, tags=["usage"])
    routes.add_api_route(
        "/usage", show, methods=["GET"], response_model=Usage, operation_id="get_usage", summary="Read the usage"
    )
    return routes


async def show(
    request: Request,
    caller: Viewing,
    first: Annotated[str, Query(alias="from", max_length=10, description="The first day, such as 2026-03-01.")] = "",
    last: Annotated[str, Query(alias="to", max_length=10, description="The last day. Without both: the last 30 days.")] = "",
    by: Annotated[By, Query(description="What to add up by.")] = "day",
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Usage:
    """Return tokens and cost between two days, both included, a year at most."""
    places = Places(caller.scope, "usage", (UUID,))
    [after] = places.parse(cursor) or (UUID(int=0),)
    async with deps_of(request).db.tenant(caller.scope) as session:
        try:
            if by == "conversation":
                return await _by_conversation(session, first, last, places, after, limit)
            report = await usage_reports.read(session, first, last)
            messages = await charges_report.read(session, report.period.first, report.period.last)
        except PeriodError as error:
            raise FieldsError({"from": str(error)}, place="query") from None
    items = _by_day(report) if by == "day" else _by_channel(report)
    return _usage(report.period, by, report.total, list(items), messages)


async def _by_conversation(session: TenantSession, first: str, last: str, places: Places, after: UUID, limit: int) -> Usage:
    period = await usage_reports.period_of(session, first, last)
    days = await repository.days(session, period.first, period.last)
    rows = await repository.conversations(session, period.first, period.last, after, limit + 1)
    kept, following = places.cut(rows, limit, lambda row: (row["conversation_id"],))
    ids = [row["conversation_id"] for row in kept]
    billed = await charges_report.of_conversations(session, period.first, period.last, ids)
    messages = await charges_report.read(session, period.first, period.last)
    none = charges_report.Category("")
    items = [
        _use(
            Sums.of(row),
            failed_calls=None,
            conversation_id=row["conversation_id"],
            channel=row["kind"],
            account_external_id=row["external_id"],
            billed_messages=billed.get(row["conversation_id"], none).billed,
            free_messages=billed.get(row["conversation_id"], none).free,
        )
        for row in kept
    ]
    return _usage(period, "conversation", sum(map(Sums.of, days), Sums()), items, messages, following)


def _by_day(report: Report) -> Iterable[UseOf]:
    for day, sums in sorted(report.by_day.items()):
        yield _use(sums, day=day)


def _by_channel(report: Report) -> Iterable[UseOf]:
    for account, sums in report.by_account:
        asked = account.id if account.id != NO_ACCOUNT else None
        yield _use(sums, account_id=asked, channel=account.kind, account_external_id=account.external_id)


def _use(sums: Sums, **of: Any) -> UseOf:
    return UseOf(**_fields(sums) | of)


def _fields(sums: Sums) -> dict[str, Any]:
    return {name: getattr(sums, name) for name in Use.model_fields}


def _usage(
    period: Period,
    by: By,
    total: Sums,
    items: list[UseOf],
    messages: charges_report.Messages,
    following: str | None = None,
) -> Usage:
    use = Use(**_fields(total))
    billed = [Messages(category=each.category, billed=each.billed, free=each.free) for each in messages.categories]
    return Usage(first=period.first, last=period.last, by=by, total=use, items=items, messages=billed, next_cursor=following)
