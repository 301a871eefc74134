"""SQL of how numbers stand, and of what a person has to look into first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.channels.quality.levels import Level
from konstruct.channels.quality.machine import Standing
from konstruct.db.session import Record, TenantSession
from konstruct.kit.ids import uuid7

_NAMES = "rating, restriction, hold, cooling, cause"


@dataclass(frozen=True, slots=True)
class Held:
    """A number, locked, with how it stands."""

    account_id: UUID
    kind: str
    place: str
    """Its phone number, or what the provider calls it."""
    standing: Standing


async def begin(session: TenantSession, account_ids: Sequence[UUID]) -> None:
    """Let each account stand somewhere: a row to lock and to change."""
    await session.execute(
        "INSERT INTO account_standings (tenant_id, account_id)"
        " SELECT a.tenant_id, a.id FROM channel_accounts a WHERE a.tenant_id = $1 AND a.id = ANY ($2) ORDER BY a.id"
        " ON CONFLICT DO NOTHING",
        session.scope.tenant_id,
        list(account_ids),
    )


async def lock(session: TenantSession, account_ids: Sequence[UUID]) -> tuple[float, list[Held]]:
    """Lock the accounts, in the order of their ids, and return the time now (Unix seconds) with how they stand."""
    await begin(session, account_ids)
    rows = await session.fetch(
        f"SELECT s.account_id, a.kind, coalesce(a.phone_number, nullif(a.account_name, ''), a.external_id) AS place, {_NAMES},"
        " extract(epoch FROM s.restricted_until)::float8 AS restricted_until,"
        " extract(epoch FROM s.calm_since)::float8 AS calm_since, extract(epoch FROM clock_timestamp())::float8 AS now"
        " FROM account_standings s JOIN channel_accounts a ON a.tenant_id = s.tenant_id AND a.id = s.account_id"
        " WHERE s.tenant_id = $1 AND s.account_id = ANY ($2) ORDER BY s.account_id FOR UPDATE OF s",
        session.scope.tenant_id,
        list(account_ids),
    )
    held = [Held(row["account_id"], row["kind"], row["place"], _standing(row)) for row in rows]
    return (rows[0]["now"] if rows else 0.0), held


async def save(session: TenantSession, moved: Sequence[tuple[UUID, Standing]]) -> None:
    """Store how locked accounts stand now. `since` moves with the level alone."""
    await session.execute(
        "UPDATE account_standings s SET level = n.level, rating = n.rating, restriction = n.restriction, hold = n.hold,"
        "   cooling = n.cooling, cause = n.cause, restricted_until = to_timestamp(n.until), calm_since = to_timestamp(n.calm),"
        "   since = CASE WHEN s.level = n.level THEN s.since ELSE now() END"
        " FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[], $8::text[], $9::float8[],"
        "   $10::float8[]) AS n (account_id, level, rating, restriction, hold, cooling, cause, until, calm)"
        " WHERE s.tenant_id = $1 AND s.account_id = n.account_id",
        session.scope.tenant_id,
        [account_id for account_id, _ in moved],
        [standing.level for _, standing in moved],
        [standing.rating for _, standing in moved],
        [standing.restriction for _, standing in moved],
        [standing.hold for _, standing in moved],
        [standing.cooling for _, standing in moved],
        [standing.cause for _, standing in moved],
        [standing.restricted_until for _, standing in moved],
        [standing.calm_since for _, standing in moved],
    )


async def hold(session: TenantSession, account_ids: Sequence[UUID], cause: str, level: Level, figures: dict[str, int]) -> None:
    """Note that a person has to look into it: once for each cause that nobody has looked into yet."""
    await session.execute(
        "INSERT INTO account_holds (tenant_id, id, account_id, cause, level, figures)"
        " SELECT $1, n.id, n.account_id, $4, $5, $6::jsonb FROM unnest($2::uuid[], $3::uuid[]) AS n (id, account_id)"
        " ON CONFLICT (tenant_id, account_id, cause) WHERE ended_at IS NULL DO NOTHING",
        session.scope.tenant_id,
        [uuid7() for _ in account_ids],
        list(account_ids),
        cause,
        level,
        json.dumps(figures),
    )


async def release(session: TenantSession, account_id: UUID, member_id: UUID | None, name: str, note: str) -> None:
    """A person has looked into everything that was held, and what was counted before counts no more."""
    await session.execute(
        "UPDATE account_holds SET ended_at = now(), ended_by = $3, ended_by_name = $4, note = $5"
        " WHERE tenant_id = $1 AND account_id = $2 AND ended_at IS NULL",
        session.scope.tenant_id,
        account_id,
        member_id,
        name,
        note,
    )
    await session.execute(
        "UPDATE account_standings SET counted_from = now() WHERE tenant_id = $1 AND account_id = $2",
        session.scope.tenant_id,
        account_id,
    )


async def level_for_send(session: TenantSession, account_id: UUID) -> Level:
    """Return how the account stands, held against a change of it until this transaction ends.

    A change that was committed before is seen, one that is under way is waited for, and one that comes later waits for this.
    """
    await begin(session, [account_id])
    level: Level | None = await session.fetchval(
        "SELECT level FROM account_standings WHERE tenant_id = $1 AND account_id = $2 FOR SHARE",
        session.scope.tenant_id,
        account_id,
    )
    return level or "open"


async def level_of(session: TenantSession, account_id: UUID) -> Level:
    """Return how the account stands at this moment."""
    level: Level | None = await session.fetchval(
        "SELECT level FROM account_standings WHERE tenant_id = $1 AND account_id = $2", session.scope.tenant_id, account_id
    )
    return level or "open"


async def resumable(session: TenantSession, account_id: UUID) -> bool:
    """Return whether a person may resume the account as it stands."""
    row = await session.fetchrow(
        f"SELECT {_NAMES}, extract(epoch FROM restricted_until)::float8 AS restricted_until,"
        " extract(epoch FROM calm_since)::float8 AS calm_since FROM account_standings"
        " WHERE tenant_id = $1 AND account_id = $2",
        session.scope.tenant_id,
        account_id,
    )
    return row is not None and _standing(row).resumable


async def siblings(session: TenantSession, account_id: UUID, phone_number: str | None = None) -> list[UUID]:
    """Return the account and the other connected ones of its business account, in the order in which they are locked; with
    `phone_number`, only that one of them."""
    rows = await session.fetch(
        "SELECT o.id FROM channel_accounts a JOIN channel_accounts o ON o.tenant_id = a.tenant_id AND (o.id = a.id"
        "   OR o.kind = a.kind AND o.business_account_id = a.business_account_id AND o.status <> 'disconnected')"
        " WHERE a.tenant_id = $1 AND a.id = $2 AND ($3::text IS NULL OR o.phone_number = $3) ORDER BY o.id LIMIT 500",
        session.scope.tenant_id,
        account_id,
        phone_number,
    )
    return [row["id"] for row in rows]


async def note_change(session: TenantSession, account_ids: Sequence[UUID], change: str) -> None:
    """Let the history of the accounts show what the provider said."""
    await session.execute(
        "INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        " SELECT tenant_id, id, status, $3 FROM channel_accounts WHERE tenant_id = $1 AND id = ANY ($2) ORDER BY id",
        session.scope.tenant_id,
        list(account_ids),
        change,
    )


async def is_number(session: TenantSession, account_id: UUID) -> bool:
    """Return whether the account is a number of a business account."""
    return bool(
        await session.fetchval(
            "SELECT business_account_id IS NOT NULL FROM channel_accounts WHERE tenant_id = $1 AND id = $2",
            session.scope.tenant_id,
            account_id,
        )
    )


async def priced_as_ai(session: TenantSession, account_id: UUID) -> bool:
    """Note that the provider billed a message as one of a general-purpose AI; return whether that is new today."""
    await begin(session, [account_id])
    return bool(
        await session.fetchval(
            "UPDATE account_standings SET ai_priced = ai_priced + 1, ai_priced_at = now()"
            " WHERE tenant_id = $1 AND account_id = $2"
            " RETURNING old.ai_priced_at IS NULL OR old.ai_priced_at < now() - interval '1 day'",
            session.scope.tenant_id,
            account_id,
        )
    )


@dataclass(frozen=True, slots=True)
class Hold:
    """Something that a person has or had to look into."""

    cause: str
    level: Level
    figures: dict[str, int]
    began_at: datetime
    ended_at: datetime | None
    ended_by_name: str | None
    note: str | None


async def holds(session: TenantSession, account_id: UUID) -> list[Hold]:
    """Return the account's holds, the newest first, those that nobody has looked into before all."""
    rows = await session.fetch(
        "SELECT cause, level, figures, began_at, ended_at, ended_by_name, note FROM account_holds"
        " WHERE tenant_id = $1 AND account_id = $2 ORDER BY ended_at IS NOT NULL, began_at DESC LIMIT 50",
        session.scope.tenant_id,
        account_id,
    )
    return [Hold(**{**dict(row), "figures": json.loads(row["figures"])}) for row in rows]


def _standing(row: Record) -> Standing:
    return Standing(
        rating=row["rating"],
        restriction=row["restriction"],
        restricted_until=row["restricted_until"],
        hold=row["hold"],
        cooling=row["cooling"],
        calm_since=row["calm_since"],
        cause=row["cause"],
    )
