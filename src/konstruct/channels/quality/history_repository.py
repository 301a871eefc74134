"""SQL of what was seen of numbers: the last poll of each, and a row for each change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from uuid import UUID

from konstruct.channels.port_numbers import NumberSeen
from konstruct.channels.quality.levels import Level
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7

_FIELDS = tuple(each.name for each in fields(NumberSeen))
_NAMES = ", ".join(_FIELDS)
_SAME = " AND ".join(f"h.{name} IS NOT DISTINCT FROM ${number}" for number, name in enumerate(_FIELDS, start=4))
_PLACES = ", ".join(f"${number}" for number in range(4, 4 + len(_FIELDS)))
SHOWN = 100
"""Changes that are read of a number, the newest first."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a number looked like from a time on."""

    at: datetime
    seen: NumberSeen


@dataclass(frozen=True, slots=True)
class Stand:
    """How a number stands at this moment, for who looks at it."""

    level: Level
    rating: Level
    restriction: Level
    restricted_until: datetime | None
    hold: Level
    cooling: bool
    calm_since: datetime | None
    cause: str | None
    since: datetime
    polled_at: datetime | None
    poll_problem: str | None
    daily_limit: int | None
    ai_priced: int
    ai_priced_at: datetime | None


async def kind_of(session: TenantSession, account_id: UUID) -> str | None:
    """Return the kind of channel that the account is of, or None without such an account."""
    kind: str | None = await session.fetchval(
        "SELECT kind FROM channel_accounts WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, account_id
    )
    return kind


async def note(session: TenantSession, account_id: UUID, seen: NumberSeen) -> bool:
    """Note a poll that was answered; return whether it looks otherwise than before. The account's standing is locked."""
    values = list(asdict(seen).values())
    await session.execute(
        "UPDATE account_standings SET polled_at = now(), tried_at = now(), poll_failures = 0, poll_problem = NULL,"
        " daily_limit = coalesce($3, daily_limit) WHERE tenant_id = $1 AND account_id = $2",
        session.scope.tenant_id,
        account_id,
        seen.daily_limit,
    )
    return bool(
        await session.execute(
            f"INSERT INTO quality_history (tenant_id, account_id, id, {_NAMES})"
            f" SELECT $1, $2, $3, {_casts()} WHERE NOT EXISTS ("
            f"   SELECT 1 FROM (SELECT * FROM quality_history l WHERE l.tenant_id = $1 AND l.account_id = $2"
            f"     ORDER BY l.id DESC LIMIT 1) h WHERE {_SAME})",
            session.scope.tenant_id,
            account_id,
            uuid7(),
            *values,
        )
    )


async def failed(session: TenantSession, account_id: UUID, problem: str) -> int:
    """Note a poll that came to nothing; return how many have by now, one after the other."""
    failures: int | None = await session.fetchval(
        "UPDATE account_standings SET tried_at = now(), poll_failures = poll_failures + 1, poll_problem = $3"
        " WHERE tenant_id = $1 AND account_id = $2 RETURNING poll_failures",
        session.scope.tenant_id,
        account_id,
        problem,
    )
    return failures or 1


async def changes(session: TenantSession, account_id: UUID) -> list[Change]:
    """Return what the number looked like, the newest first."""
    rows = await session.fetch(
        f"SELECT at, {_NAMES} FROM quality_history WHERE tenant_id = $1 AND account_id = $2 ORDER BY id DESC LIMIT $3",
        session.scope.tenant_id,
        account_id,
        SHOWN,
    )
    return [Change(row["at"], NumberSeen(**{name: row[name] for name in _FIELDS})) for row in rows]


async def stand(session: TenantSession, account_id: UUID) -> Stand | None:
    """Return how the account stands, or None if nothing was ever said of it."""
    row = await session.fetchrow(
        f"SELECT {', '.join(each.name for each in fields(Stand))} FROM account_standings"
        " WHERE tenant_id = $1 AND account_id = $2",
        session.scope.tenant_id,
        account_id,
    )
    return Stand(**dict(row)) if row else None


def _casts() -> str:
    return ", ".join(
        f"${number}::{'bigint' if name == 'daily_limit' else 'text'}" for number, name in enumerate(_FIELDS, start=4)
    )
