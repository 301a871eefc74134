"""How the channel accounts of a business are, and how they have been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from uuid import UUID

from konstruct.channels import accounts_status_repository as repository
from konstruct.channels.accounts_words import Words, words_of
from konstruct.channels.quality.levels import Level
from konstruct.db.session import Record, TenantSession
from konstruct.kit.errors import NotFoundError

WITHIN = timedelta(hours=24)
"""Failed deliveries count for so long."""
STRIP_DAYS = 30
_WORST = ("broken", "disconnected", "active")


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an account's status."""

    at: datetime
    status: str
    words: Words


@dataclass(frozen=True, slots=True)
class HealthDay:
    """The worst that an account was on a day; None before it was connected, or where nobody knows any more."""

    day: date
    status: str | None


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """A channel account as its page shows it."""

    id: UUID
    kind: str
    external_id: str
    app_id: str | None
    bot_user_id: str | None
    status: str
    account_name: str
    """What the provider calls it; empty where nobody told."""
    org_wide: bool
    """Whether it is every workspace of an organisation."""
    scopes: Sequence[str] | None
    """What was granted; None where nobody told."""
    words: Words
    """Why it is broken; empty for any other status."""
    connected_at: datetime
    since: datetime
    last_inbound_at: datetime | None
    last_sent_at: datetime | None
    open_deliveries: int
    failed_deliveries: int
    """In the last 24 hours."""
    paused_at: datetime | None
    """Since when the employee answers nobody there."""
    paused_by: str | None
    changes: Sequence[Change]
    """The newest first."""
    strip: Sequence[HealthDay]
    """The last 30 days, the oldest first."""
    answers_strangers: bool
    """Whether people of other companies are answered in shared channels."""
    business_account_id: str | None = None
    portfolio_id: str | None = None
    phone_number: str | None = None
    """Of an account that is a number: see `Grant`."""
    token_expires_at: datetime | None = None
    renewable: bool = False
    level: Level = "open"
    """How far it may be used: see `quality.levels`."""
    """Whether its token is renewed by itself."""


async def list_all(session: TenantSession) -> list[AccountStatus]:
    """Return every account of the business, those in use first, in two queries."""
    return await _read(session, None)


async def get(session: TenantSession, account_id: UUID) -> AccountStatus:
    """Return one account. Raises NotFoundError, also for another tenant's."""
    found = await _read(session, account_id)
    if not found:
        raise NotFoundError(f"there is no channel account {account_id}")
    return found[0]


async def _read(session: TenantSession, account_id: UUID | None) -> list[AccountStatus]:
    rows = await repository.accounts(session, WITHIN, account_id)
    changes = await repository.changes(session, account_id)
    history = {key: list(group) for key, group in groupby(changes, key=lambda row: row["account_id"])}
    return [_status(row, history.get(row["id"], [])) for row in rows]


def _status(row: Record, changes: list[Record]) -> AccountStatus:
    known = [(change["at"], change["status"]) for change in changes]
    return AccountStatus(
        id=row["id"],
        kind=row["kind"],
        external_id=row["external_id"],
        app_id=row["app_id"],
        bot_user_id=row["bot_user_id"],
        status=row["status"],
        account_name=row["account_name"],
        org_wide=row["org_wide"],
        scopes=row["scopes"],
        words=words_of(row["status_reason"] if row["status"] == "broken" else None),
        connected_at=row["connected_at"],
        since=row["status_changed_at"],
        last_inbound_at=row["last_inbound_at"],
        last_sent_at=row["last_sent_at"],
        open_deliveries=row["open_deliveries"],
        failed_deliveries=row["failed_deliveries"],
        paused_at=row["paused_at"],
        paused_by=row["paused_by"],
        changes=[Change(change["at"], change["status"], words_of(change["reason"])) for change in reversed(changes)],
        strip=strip(known, row["read_at"].astimezone(UTC).date()),
        answers_strangers=row["answers_strangers"],
        business_account_id=row["business_account_id"],
        portfolio_id=row["portfolio_id"],
        phone_number=row["phone_number"],
        token_expires_at=row["token_expires_at"],
        renewable=row["renewable"],
        level=row["level"],
    )


def strip(changes: Sequence[tuple[datetime, str]], today: date, days: int = STRIP_DAYS) -> list[HealthDay]:
    """Return the worst status of each of the last `days` days. `changes` are (when, to what), oldest first."""
    moves = sorted((at.astimezone(UTC).date(), number, status) for number, (at, status) in enumerate(changes))
    first = today - timedelta(days=days - 1)
    held = next((status for day, _, status in reversed(moves) if day < first), None)
    found = []
    for day in (first + timedelta(days=number) for number in range(days)):
        came = [status for moved, _, status in moves if moved == day]
        seen = [*came, *([held] if held else [])]
        found.append(HealthDay(day, next((status for status in _WORST if status in seen), None)))
        held = came[-1] if came else held
    return found
