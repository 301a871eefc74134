"""SQL of tokens that run out: how long each still holds, who renews it, and what came of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from konstruct.channels import deliveries_repository
from konstruct.db.session import TenantSession
from konstruct.jobs import tenant_jobs
from konstruct.tenants import notices

LOST = "renewal_lost"
"""Why an account is broken whose new tokens were granted, as it seems, and never reached us."""
REFUSED = "renewal_refused"
"""Likewise, where nothing was lost on our side: somebody took the grant back, or used it up."""


@dataclass(frozen=True, slots=True)
class Held:
    """What an account holds, and how it stands with its renewal. Times are seconds from now, by the database's clock."""

    kind: str
    external_id: str
    status: str
    secret_id: UUID | None
    renewable: bool
    left_s: float | None
    """How long the token still holds, below 0 once it is over; None: until it is revoked."""
    waits_s: float
    """How long nobody else may begin a renewal."""
    doubt: bool
    """Whether a renewal is under way, or one was begun whose end nobody knows."""
    token_age_s: float | None
    business_account_id: str | None = None
    suspended: bool = False
    """Whether nothing may be sent with it, however good its token is."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A renewal that this process began. `epoch` and `version` prove it when the new tokens are stored."""

    epoch: int
    kind: str
    refresh_secret_id: UUID
    secret_id: UUID
    version: int
    """Of the refresh token's secret: while it is the same, nobody has stored newer tokens."""
    doubt: bool
    """An earlier call was begun, and nobody knows what became of it."""


_HELD = """
SELECT a.kind, a.external_id, a.status, a.secret_id, a.refresh_secret_id IS NOT NULL AS renewable,
  extract(epoch FROM a.token_expires_at - now())::float8 AS left_s,
  greatest(0, coalesce(extract(epoch FROM a.renewal_wait_until - now()), 0))::float8 AS waits_s,
  a.renewal_doubt AS doubt, extract(epoch FROM now() - s.updated_at)::float8 AS token_age_s,
  coalesce(t.level = 'suspended', false) AS suspended,
  a.business_account_id
FROM channel_accounts a LEFT JOIN secrets s ON s.tenant_id = $1 AND s.id = a.secret_id
LEFT JOIN account_standings t ON t.tenant_id = $1 AND t.account_id = a.id
WHERE a.tenant_id = $1 AND a.id = $2
"""

_BEGIN = """
UPDATE channel_accounts a SET renewal_epoch = renewal_epoch + 1, renewal_wait_until = now() + $4, renewal_doubt = true
FROM secrets s
WHERE a.tenant_id = $1 AND a.id = $2 AND a.status = 'active' AND a.token_expires_at <= now() + $3
  AND (a.renewal_wait_until IS NULL OR a.renewal_wait_until <= now())
  AND s.tenant_id = $1 AND s.id = a.refresh_secret_id
RETURNING new.renewal_epoch AS epoch, a.kind, a.refresh_secret_id, a.secret_id, s.version, old.renewal_doubt AS doubt
"""


async def find(session: TenantSession, account_id: UUID) -> Held | None:
    """Return what the account holds, or None if there is no such account."""
    row = await session.fetchrow(_HELD, session.scope.tenant_id, account_id)
    return Held(**dict(row)) if row else None


async def begin(session: TenantSession, account_id: UUID, within_s: float, window_s: float) -> Begun | None:
    """Begin the renewal of a token that ends within `within_s`: nobody else does for `window_s`. None: not now, or not needed."""
    row = await session.fetchrow(
        _BEGIN, session.scope.tenant_id, account_id, timedelta(seconds=within_s), timedelta(seconds=window_s)
    )
    return Begun(**dict(row)) if row else None


async def give_back(session: TenantSession, account_id: UUID, begun: Begun, wait_s: float) -> None:
    """The refresh token was certainly not used: the next may begin in `wait_s`. Nothing happens if it has begun already."""
    await session.execute(
        "UPDATE channel_accounts SET renewal_wait_until = now() + $4, renewal_doubt = $5"
        " WHERE tenant_id = $1 AND id = $2 AND renewal_epoch = $3",
        session.scope.tenant_id,
        account_id,
        begun.epoch,
        timedelta(seconds=wait_s),
        begun.doubt,
    )


async def may_store(session: TenantSession, account_id: UUID, begun: Begun) -> float | None:
    """Lock the account; return 0 if the tokens of `begun` are its newest, None if newer ones are there.

    Another renewal may have begun since, with the same refresh token, because this process was silent for too long. While it
    is under way its end decides: the seconds to wait for that are returned. If it was refused, the tokens of `begun` are the
    account's after all.
    """
    row = await session.fetchrow(
        "SELECT a.renewal_epoch = $3 AS mine, a.refresh_secret_id IS NOT DISTINCT FROM $4 AND s.version = $5 AS unchanged,"
        "   greatest(0, extract(epoch FROM a.renewal_wait_until - now()))::float8 AS waits_s, a.status, a.status_reason"
        " FROM channel_accounts a LEFT JOIN secrets s ON s.tenant_id = $1 AND s.id = a.refresh_secret_id"
        " WHERE a.tenant_id = $1 AND a.id = $2 FOR NO KEY UPDATE OF a",
        session.scope.tenant_id,
        account_id,
        begun.epoch,
        begun.refresh_secret_id,
        begun.version,
    )
    if row is None or not row["unchanged"]:
        return None
    refused = row["status"] == "broken" and row["status_reason"] in (LOST, REFUSED)
    if refused or (row["mine"] and row["status"] == "active"):
        return 0.0
    if row["mine"] or row["status"] != "active":
        return None
    return float(row["waits_s"] or 0.0)


async def stored(session: TenantSession, account_id: UUID, expires_in_s: float) -> bool:
    """The new tokens are in: note for how long they hold, and ask for the next renewal. True if that mended the account."""
    mended = await session.fetchval(
        "WITH renewed AS (UPDATE channel_accounts SET token_expires_at = now() + $3, renewal_wait_until = NULL,"
        "   renewal_doubt = false, status = 'active', status_reason = NULL, status_changed_at ="
        "   CASE status WHEN 'active' THEN status_changed_at ELSE now() END WHERE tenant_id = $1 AND id = $2"
        "   RETURNING id, new.status AS status, old.status <> 'active' AS mended),"
        " noted AS (INSERT INTO channel_health (tenant_id, account_id, status, reason)"
        "   SELECT $1, id, status, 'renewed' FROM renewed WHERE mended)"
        " SELECT mended FROM renewed",
        session.scope.tenant_id,
        account_id,
        timedelta(seconds=expires_in_s),
    )
    if mended:
        await plan(session, account_id, expires_in_s)
        await notices.settle(session, "channel_broken", subject=str(account_id))
    else:
        # The job that is doing this says itself when it is due again.
        wait_s = expires_in_s - ahead_of(account_id, expires_in_s)
        await tenant_jobs.ask_first(session, session.scope, "token_renewal", account_id, wait_s=wait_s)
    return bool(mended)


async def refused(session: TenantSession, account_id: UUID, begun: Begun) -> bool:
    """The grant is dead: the account is broken, and its owner is told. False if a newer installation or renewal is there."""
    mine = await session.fetchval(
        "UPDATE channel_accounts SET renewal_wait_until = NULL, renewal_doubt = false"
        " WHERE tenant_id = $1 AND id = $2 AND renewal_epoch = $3 AND status = 'active' RETURNING true",
        session.scope.tenant_id,
        account_id,
        begun.epoch,
    )
    if mine:
        await deliveries_repository.account_broken(session, account_id, LOST if begun.doubt else REFUSED)
    return bool(mine)


async def expire(session: TenantSession, account_id: UUID, secret_id: UUID) -> None:
    """The provider says that the token is over, whatever we thought."""
    await session.execute(
        "UPDATE channel_accounts SET token_expires_at = least(token_expires_at, now())"
        " WHERE tenant_id = $1 AND id = $2 AND secret_id = $3 AND status = 'active'",
        session.scope.tenant_id,
        account_id,
        secret_id,
    )


AHEAD_S = 2 * 3600.0
"""A token is renewed so long before it ends, whether anybody needs it or not."""
SPREAD_S = 1800.0
"""Accounts of one hour do not all come at once."""


def ahead_of(account_id: UUID, lifetime_s: float) -> float:
    """Return how many seconds before its end a token that holds for `lifetime_s` is renewed: in its second half, always."""
    return min(AHEAD_S + account_id.int % int(SPREAD_S), lifetime_s / 2)


async def plan(session: TenantSession, account_id: UUID, expires_in_s: float) -> None:
    """Ask for the renewal of a token that ends in `expires_in_s`."""
    wait_s = expires_in_s - ahead_of(account_id, expires_in_s)
    await tenant_jobs.ask(session, session.scope, "token_renewal", account_id, wait_s=wait_s)
