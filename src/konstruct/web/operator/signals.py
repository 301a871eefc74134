"""The five signals of the beta (docs/scope.md), from live data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from konstruct.tenants import signals
from konstruct.tenants.signals import Signal, Signals
from konstruct.web.deps import deps_of
from konstruct.web.operator.guard import Signed
from konstruct.web.operator.pages import OperatorRoute, show
from konstruct.web.operator.wording import percent

VERDICTS = {"held": ("held", "ok"), "missed": ("missed", "bad"), "unknown": ("nothing to count yet", "mute")}


@dataclass(frozen=True, slots=True)
class SignalLine:
    """A signal as the page shows it."""

    title: str
    says: str
    value: str
    held: str
    cases: str
    verdict: str
    tone: str


@dataclass(frozen=True, slots=True)
class SignalsView:
    """The page."""

    lines: list[SignalLine]
    weeks: list[str]
    counted: int
    uncounted: int
    counted_at: datetime | None


def router() -> APIRouter:
    """Return the route /operator/signals."""
    routes = APIRouter(route_class=OperatorRoute)
    routes.add_api_route("/operator/signals", show_signals, methods=["GET"])
    return routes


async def show_signals(request: Request, operator: Signed) -> Response:
    """Show the signals against what is held for a working beta."""
    return show("signals.html", operator, view=_view(await signals.read_signals(deps_of(request).db)))


def _view(found: Signals) -> SignalsView:
    low, high = signals.HANDED_OVER_SHARE
    active = found.weekly_active
    lines = [
        _line(
            found.first_answer,
            "First answer within an hour",
            "Businesses that saw an answer within an hour of sign-up.",
            percent(found.first_answer.value),
            f"at least {percent(signals.FIRST_ANSWER_SHARE)}",
            "businesses older than an hour",
        ),
        _line(
            active,
            "Weekly active people",
            "The median business's people who talked to the employee in the last seven days.",
            "–" if active.value is None else f"{active.value:g}",
            f"at least {signals.WEEKLY_ACTIVE_MEDIAN:g}, and growing",
            "active businesses",
        ),
        _good(found),
        _line(
            found.handed_over,
            "Hand-offs",
            "Conversations of the last seven days that a person took over. Many: the employee cannot do the work. None:"
            " nobody watches.",
            percent(found.handed_over.value),
            f"{percent(low)} to {percent(high)}",
            "conversations",
        ),
        _line(
            found.retained,
            "Retention at four weeks",
            "Businesses whose people still talked to the employee in the fourth week.",
            percent(found.retained.value),
            f"at least {percent(signals.RETAINED_SHARE)}",
            "businesses older than four weeks",
        ),
    ]
    weeks = [f"{median:g}" for median in found.active_by_week]
    return SignalsView(lines, weeks, found.counted, found.uncounted, found.counted_at)


def _good(found: Signals) -> SignalLine:
    """The share of good answers: as people rate them, or as long as nobody does, as far as they are answers at all."""
    if found.rated.of:
        return _line(
            found.rated,
            "Answers rated well",
            "Ratings of the last seven days that are good, each person's last word on each answer.",
            percent(found.rated.value),
            f"at least {percent(signals.RATED_SHARE)}",
            "ratings",
        )
    return _line(
        found.answered,
        "Answered",
        "Turns of the last seven days that ended in an answer and not in a fallback. It stands in for ratings, of which there are"
        " none in these days.",
        percent(found.answered.value),
        f"at least {percent(signals.ANSWERED_SHARE)}",
        "turns",
    )


def _line(signal: Signal, title: str, says: str, value: str, held: str, of: str) -> SignalLine:
    verdict, tone = VERDICTS[signal.verdict]
    return SignalLine(title, says, value, held, f"{signal.of:,} {of}", verdict, tone)
