"""SQL of what is counted together: the portfolios of a tenant, the numbers in each, and the limit of each.

Locks are taken in one order: the number's row, then the portfolio's. Whoever needs several of a kind takes them by id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from konstruct.channels.outreach.tiers import Limits
from konstruct.db.session import TenantSession

Source = Literal["webhook", "poll", "refusal", "operator"]


@dataclass(frozen=True, slots=True)
class NumberPool:
    """A number and how far it is warmed up."""

    id: UUID
    part_of: UUID | None
    """The portfolio in which its people count; None: that has not been settled."""
    used: int
    step: int
    grown_s: float
    """Seconds since it took its last step."""
    written: int
    """People it has written to first since then."""
    held: bool


@dataclass(frozen=True, slots=True)
class PortfolioPool:
    """A portfolio and what bounds it."""

    id: UUID
    used: int
    limits: Limits


@dataclass(frozen=True, slots=True)
class Membership:
    """Where a number's people count, and where they should."""

    account_id: UUID
    kind: str
    belongs: str | None
    """The portfolio; '' while none is known; None: the number's is not known, and the tenant has several."""
    counted: str | None

    @property
    def settled(self) -> bool:
        """Whether they count where they should, or nobody can say where that is."""
        return self.belongs is None or self.belongs == self.counted


# A number that has told no portfolio may be in any that the tenant has: it counts in the one that there is.
_BELONGS = """
SELECT a.id AS account_id, a.kind, n.id AS pool_id, n.part_of, p.portfolio AS counted,
  coalesce(a.portfolio_id, CASE known.number WHEN 0 THEN '' WHEN 1 THEN known.one END) AS belongs
FROM channel_accounts a
CROSS JOIN LATERAL (SELECT min(o.portfolio_id) AS one, count(DISTINCT o.portfolio_id) AS number FROM channel_accounts o
  WHERE o.tenant_id = $1 AND o.kind = a.kind AND o.portfolio_id IS NOT NULL) known
LEFT JOIN volume_pools n ON n.tenant_id = $1 AND n.account_id = a.id
LEFT JOIN volume_pools p ON p.tenant_id = $1 AND p.id = n.part_of
WHERE a.tenant_id = $1 AND a.kind = (SELECT kind FROM channel_accounts WHERE tenant_id = $1 AND id = $2)
"""


async def memberships(session: TenantSession, account_id: UUID) -> list[Membership]:
    """Return where the numbers of the account's channel count that are counted at all, and the account itself."""
    rows = await session.fetch(
        f"SELECT account_id, kind, counted, belongs FROM ({_BELONGS}) b WHERE pool_id IS NOT NULL OR account_id = $2",
        session.scope.tenant_id,
        account_id,
    )
    return [Membership(**dict(row)) for row in rows]


async def add_number(session: TenantSession, account_id: UUID) -> None:
    """Begin to count what a number sends. Nothing happens if it is counted already."""
    await session.execute(
        "INSERT INTO volume_pools (tenant_id, kind, account_id) SELECT tenant_id, kind, id FROM channel_accounts"
        " WHERE tenant_id = $1 AND id = $2 ON CONFLICT DO NOTHING",
        session.scope.tenant_id,
        account_id,
    )


async def lock_number(session: TenantSession, account_id: UUID) -> NumberPool | None:
    """Lock and return a number's row, None if there is none yet."""
    row = await session.fetchrow(
        "SELECT id, part_of, used, step, extract(epoch FROM clock_timestamp() - grown_at)::float8 AS grown_s, written, held"
        " FROM volume_pools WHERE tenant_id = $1 AND account_id = $2 FOR NO KEY UPDATE",
        session.scope.tenant_id,
        account_id,
    )
    return None if row is None else NumberPool(**dict(row))


_PORTFOLIO = (
    "SELECT id, used, daily_limit, created_at > clock_timestamp() - interval '24 hours' AS fresh,"
    " CASE WHEN lowered_until > clock_timestamp() THEN lowered_to END AS lowered_to"
    " FROM volume_pools WHERE tenant_id = $1 AND id = $2"
)


async def lock_portfolio(session: TenantSession, pool_id: UUID) -> PortfolioPool:
    """Lock and return a portfolio's row."""
    row = await session.fetchrow(f"{_PORTFOLIO} FOR NO KEY UPDATE", session.scope.tenant_id, pool_id)
    assert row is not None
    return PortfolioPool(row["id"], row["used"], Limits(row["daily_limit"], row["fresh"], row["lowered_to"]))


async def settle(session: TenantSession, account_id: UUID) -> None:
    """Let each number of the account's channel count in the portfolio that it belongs to.

    Whoever counted where it did so far counts in the new one as well: too many, for a day, and never too few.
    """
    scoped = session.scope.tenant_id, account_id
    same = "kind = (SELECT kind FROM channel_accounts WHERE tenant_id = $1 AND id = $2)"
    for what in ("account_id", "portfolio"):
        await session.fetch(
            f"SELECT id FROM volume_pools WHERE tenant_id = $1 AND {same} AND {what} IS NOT NULL ORDER BY id FOR NO KEY UPDATE",
            *scoped,
        )
    # What had no name has one now: its history stays with it.
    await session.execute(
        f"UPDATE volume_pools SET portfolio = b.belongs FROM ({_BELONGS}) b WHERE tenant_id = $1 AND id = b.part_of"
        "   AND b.account_id = $2 AND b.counted = '' AND b.belongs <> ''"
        "   AND NOT EXISTS (SELECT 1 FROM volume_pools o WHERE o.tenant_id = $1 AND o.kind = b.kind AND o.portfolio = b.belongs)",
        *scoped,
    )
    await session.execute(
        "INSERT INTO volume_pools (tenant_id, kind, portfolio, daily_limit, created_at)"
        f" SELECT DISTINCT ON (b.belongs) $1, b.kind, b.belongs, o.daily_limit, coalesce(o.created_at, now()) FROM ({_BELONGS}) b"
        " LEFT JOIN volume_pools o ON o.tenant_id = $1 AND o.id = b.part_of WHERE b.pool_id IS NOT NULL AND b.belongs IS NOT NULL"
        " ORDER BY b.belongs, o.created_at DESC ON CONFLICT DO NOTHING",
        *scoped,
    )
    moving = (
        f"SELECT b.pool_id, b.part_of, t.id AS target FROM ({_BELONGS}) b JOIN volume_pools t ON t.tenant_id = $1"
        " AND t.kind = b.kind AND t.portfolio = b.belongs WHERE b.pool_id IS NOT NULL AND b.part_of IS DISTINCT FROM t.id"
    )
    await session.execute(
        "INSERT INTO volume_places AS p (tenant_id, pool_id, person, until, delivery_id)"
        " SELECT $1, m.target, o.person, max(o.until), (array_agg(o.delivery_id ORDER BY o.until DESC))[1] FROM volume_places o"
        f" JOIN ({moving}) m ON m.part_of = o.pool_id WHERE o.tenant_id = $1 GROUP BY m.target, o.person"
        " ON CONFLICT (tenant_id, pool_id, person) DO UPDATE SET until = greatest(p.until, excluded.until), before = NULL",
        *scoped,
    )
    await session.execute(
        f"UPDATE volume_pools n SET part_of = m.target FROM ({moving}) m WHERE n.tenant_id = $1 AND n.id = m.pool_id", *scoped
    )
    await session.execute(
        "UPDATE volume_pools p SET used = (SELECT count(*) FROM volume_places l WHERE l.tenant_id = $1 AND l.pool_id = p.id)"
        f" WHERE p.tenant_id = $1 AND p.{same} AND p.portfolio IS NOT NULL",
        *scoped,
    )


async def note_limit(session: TenantSession, pool_id: UUID, daily_limit: int, source: Source) -> bool:
    """Store what the provider says a portfolio may do; return whether that is news. The history gets a line if it is."""
    changed = await session.execute(
        "WITH changed AS (UPDATE volume_pools SET daily_limit = $3 WHERE tenant_id = $1 AND id = $2"
        "   AND daily_limit IS DISTINCT FROM $3 RETURNING tenant_id, id)"
        " INSERT INTO volume_limits (tenant_id, pool_id, daily_limit, source) SELECT tenant_id, id, $3, $4 FROM changed",
        session.scope.tenant_id,
        pool_id,
        daily_limit,
        source,
    )
    return bool(changed)


async def lower(session: TenantSession, pool_id: UUID, lowered_to: int, seconds: float) -> None:
    """Let a portfolio use less for `seconds`; what it was lowered to before stands if it is less. The history gets a line."""
    await session.execute(
        "WITH changed AS (UPDATE volume_pools SET lowered_until = clock_timestamp() + $4::float8 * interval '1 second',"
        "   lowered_to = CASE WHEN lowered_until > clock_timestamp() THEN least(lowered_to, $3) ELSE $3 END"
        "   WHERE tenant_id = $1 AND id = $2 RETURNING tenant_id, id, lowered_to)"
        " INSERT INTO volume_limits (tenant_id, pool_id, daily_limit, source) SELECT tenant_id, id, lowered_to, 'refusal'"
        " FROM changed",
        session.scope.tenant_id,
        pool_id,
        lowered_to,
        seconds,
    )


async def grow(session: TenantSession, pool_id: UUID) -> None:
    """Let a number take a step of its warm-up."""
    await session.execute(
        "UPDATE volume_pools SET step = step + 1, grown_at = clock_timestamp(), written = 0 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        pool_id,
    )


async def hold(session: TenantSession, account_id: UUID, held: bool) -> None:
    """Let a number's warm-up rest, one step back, or go on."""
    await session.execute(
        "UPDATE volume_pools SET held = $3, step = CASE WHEN $3 THEN greatest(step - 1, 0) ELSE step END,"
        "   grown_at = clock_timestamp(), written = 0 WHERE tenant_id = $1 AND account_id = $2 AND held <> $3",
        session.scope.tenant_id,
        account_id,
        held,
    )
