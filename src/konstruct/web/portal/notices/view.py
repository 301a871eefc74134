"""What the page of notices shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self
from uuid import UUID

from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants.notices_repository import Notice

RESOLVED_PAGE = 25
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ICONS = {
    "channel_broken": "plug",
    "turn_failed": "chat",
    "delivery_failed": "send",
    "budget_low": "chart",
    "budget_spent": "chart",
    "document_failed": "file",
    "human_wanted": "person",
    "payment_wanted": "plug",
    "portfolio_shared": "plug",
    "number_paused": "warning",
    "number_replies_only": "warning",
    "number_suspended": "warning",
    "number_priced_as_ai": "warning",
    "token_expiring": "key",
}
_ACTIONS = {
    "channel_broken": "Connect it again",
    "turn_failed": "Open the conversation",
    "delivery_failed": "Open the conversation",
    "budget_low": "See the usage",
    "budget_spent": "See the usage",
    "document_failed": "Open the document",
    "human_wanted": "Open the conversation",
    "payment_wanted": "See your channels",
    "portfolio_shared": "See your channels",
    "number_paused": "Look into it",
    "number_replies_only": "Look into it",
    "number_suspended": "See what helps",
    "number_priced_as_ai": "See what helps",
    "token_expiring": "Connect it again",
}
_TONES = {"critical": "bad", "warning": "warn", "info": "info"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A notice with its looks."""

    notice: Notice
    icon: str
    action: str
    tone: str


@dataclass(frozen=True, slots=True)
class NoticesView:
    """Open notices, a page of resolved ones, and where the next page is."""

    waiting: list[Shown]
    resolved: list[Shown]
    older: str
    later: bool
    """Whether this is not the first page."""

    @classmethod
    def of(cls, waiting: list[Notice], resolved: list[Notice], *, later: bool) -> Self:
        """Return the view. One resolved notice more than a page holds says that there is a next one."""
        last = resolved[RESOLVED_PAGE - 1] if len(resolved) > RESOLVED_PAGE else None
        older = f"/notices?before={_place(last)}" if last else ""
        return cls([_shown(n) for n in waiting], [_shown(n) for n in resolved[:RESOLVED_PAGE]], older, later)


def read_place(text: str) -> tuple[datetime, UUID] | None:
    """Return the place that `before` names, None for the first page. Raises NotFoundError."""
    if not text:
        return None
    micros, _, notice_id = text.partition("-")
    if not (micros.isascii() and micros.isdigit() and len(micros) <= 17):
        raise NotFoundError("there is no such page")
    return _EPOCH + timedelta(microseconds=int(micros)), parse_id(notice_id)


def _place(notice: Notice) -> str:
    assert notice.resolved_at is not None
    return f"{(notice.resolved_at - _EPOCH) // timedelta(microseconds=1)}-{notice.id}"


def _shown(notice: Notice) -> Shown:
    return Shown(notice, _ICONS.get(notice.kind, "info"), _ACTIONS.get(notice.kind, "Have a look"), _TONES[notice.severity])
