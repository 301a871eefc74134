"""SQL of numbers that are being connected: what was granted, what is proved, and which steps are done."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from konstruct.channels.port_signup import Business, Number
from konstruct.db.session import Record, TenantSession

KEPT_DAYS = 7
"""For how long one that came to no account may be gone on with."""


@dataclass(frozen=True, slots=True)
class Signup:
    """How far a number has come."""

    id: UUID
    kind: str
    begun_by: str
    secret_id: UUID | None
    """The token, until the account has it."""
    expires_in_s: float | None
    scopes: Sequence[str] | None
    wanted_business_account: str | None
    wanted_account: str | None
    business_account_id: str | None
    numbers: tuple[Number, ...]
    """To choose from."""
    account_id: UUID | None
    pin_secret_id: UUID | None
    subscribed_at: datetime | None
    registered_at: datetime | None
    problem: str | None
    problem_at: datetime | None
    created_at: datetime
    done_at: datetime | None


_COLUMNS = """
s.id, s.kind, s.begun_by, s.secret_id, extract(epoch FROM s.token_expires_at - now())::float8 AS expires_in_s, s.scopes,
s.wanted_business_account, s.wanted_account, s.business_account_id, s.numbers, s.account_id, s.pin_secret_id, s.subscribed_at,
s.registered_at, s.problem, s.problem_at, s.created_at, s.done_at
"""


async def insert(
    session: TenantSession,
    signup_id: UUID,
    *,
    kind: str,
    begun_by: str,
    secret_id: UUID,
    expires_in_s: float | None,
    wanted_business_account: str | None,
    wanted_account: str | None,
) -> None:
    """Store a new one: a token, and what the browser said it is for."""
    await session.execute(
        "INSERT INTO channel_signups (tenant_id, id, kind, begun_by, secret_id, token_expires_at, wanted_business_account,"
        "   wanted_account)"
        " VALUES ($1, $2, $3, $4, $5, now() + $6::float8 * interval '1 second', $7, $8)",
        session.scope.tenant_id,
        signup_id,
        kind,
        begun_by,
        secret_id,
        expires_in_s,
        wanted_business_account,
        wanted_account,
    )


async def find(session: TenantSession, signup_id: UUID) -> Signup | None:
    """Return one, or None."""
    sql = f"SELECT {_COLUMNS} FROM channel_signups s WHERE s.tenant_id = $1 AND s.id = $2"
    row = await session.fetchrow(sql, session.scope.tenant_id, signup_id)
    return _signup(row) if row else None


async def of_account(session: TenantSession, account_id: UUID) -> Signup | None:
    """Return how the account was connected, or None if not so."""
    sql = f"SELECT {_COLUMNS} FROM channel_signups s WHERE s.tenant_id = $1 AND s.account_id = $2"
    row = await session.fetchrow(sql, session.scope.tenant_id, account_id)
    return _signup(row) if row else None


async def unfinished(session: TenantSession) -> list[Signup]:
    """Return those that are not done, the newest first; not those of accounts that were disconnected since."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM channel_signups s LEFT JOIN channel_accounts a ON a.tenant_id = $1 AND a.id = s.account_id"
        " WHERE s.tenant_id = $1 AND s.done_at IS NULL AND a.status IS DISTINCT FROM 'disconnected'"
        " ORDER BY s.created_at DESC, s.id DESC LIMIT 20",
        session.scope.tenant_id,
    )
    return [_signup(row) for row in rows]


async def prove(session: TenantSession, signup_id: UUID, business: Business) -> None:
    """Note what the provider says that the token stands for."""
    numbers = [{"id": each.account_key, "phone_number": each.phone_number, "name": each.name} for each in business.numbers]
    await session.execute(
        "UPDATE channel_signups SET business_account_id = $3, portfolio_id = $4, scopes = $5, numbers = $6::jsonb,"
        "   token_expires_at = coalesce(now() + $7::float8 * interval '1 second', token_expires_at)"
        " WHERE tenant_id = $1 AND id = $2 AND account_id IS NULL",
        session.scope.tenant_id,
        signup_id,
        business.business_account_id,
        business.portfolio_id,
        sorted(business.scopes) if business.scopes is not None else None,
        json.dumps(numbers),
        business.expires_in_s,
    )


async def claimed(session: TenantSession, signup_id: UUID, account_id: UUID, *, registered: bool) -> UUID | None:
    """The account has the token now: return the secret that held it until then, to be deleted; None if others were first.

    What was known of the account before (its PIN) is taken over, and the older row goes.
    """
    pin_secret_id = await session.fetchval(
        "DELETE FROM channel_signups WHERE tenant_id = $1 AND account_id = $2 AND id <> $3 RETURNING pin_secret_id",
        session.scope.tenant_id,
        account_id,
        signup_id,
    )
    freed: UUID | None = await session.fetchval(
        "UPDATE channel_signups SET account_id = $3, secret_id = NULL, pin_secret_id = coalesce($4, pin_secret_id),"
        "   registered_at = CASE WHEN $5 THEN now() END, numbers = '[]', problem = NULL, problem_at = NULL"
        " WHERE tenant_id = $1 AND id = $2 AND account_id IS NULL RETURNING old.secret_id",
        session.scope.tenant_id,
        signup_id,
        account_id,
        pin_secret_id,
        registered,
    )
    return freed


async def set_pin(session: TenantSession, signup_id: UUID, secret_id: UUID) -> bool:
    """Note the secret that holds the number's PIN; False if there is one already."""
    done = await session.execute(
        "UPDATE channel_signups SET pin_secret_id = $3 WHERE tenant_id = $1 AND id = $2 AND pin_secret_id IS NULL",
        session.scope.tenant_id,
        signup_id,
        secret_id,
    )
    return done == 1


async def subscribed(session: TenantSession, signup_id: UUID) -> None:
    """The provider delivers here."""
    await _step(session, signup_id, "subscribed_at")


async def registered(session: TenantSession, signup_id: UUID) -> None:
    """The number can send and receive."""
    await _step(session, signup_id, "registered_at")


async def note_problem(session: TenantSession, signup_id: UUID, code: str) -> None:
    """A step was not done, and why."""
    await session.execute(
        "UPDATE channel_signups SET problem = $3, problem_at = now(), done_at = NULL WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        signup_id,
        code,
    )


async def unsubscribed(session: TenantSession, account_id: UUID) -> None:
    """The account was disconnected: the provider delivers here no more."""
    await session.execute(
        "UPDATE channel_signups SET subscribed_at = NULL, done_at = NULL WHERE tenant_id = $1 AND account_id = $2",
        session.scope.tenant_id,
        account_id,
    )


async def delete(session: TenantSession, signup_id: UUID) -> list[UUID]:
    """Delete one that has come to no account; return the secrets that are to be deleted with it."""
    rows = await session.fetch(
        "DELETE FROM channel_signups WHERE tenant_id = $1 AND id = $2 AND account_id IS NULL RETURNING secret_id, pin_secret_id",
        session.scope.tenant_id,
        signup_id,
    )
    return [each for row in rows for each in (row["secret_id"], row["pin_secret_id"]) if each is not None]


async def forget_old(session: TenantSession) -> list[UUID]:
    """Delete those that came to no account and that nobody went on with; return their secrets."""
    rows = await session.fetch(
        "DELETE FROM channel_signups WHERE tenant_id = $1 AND id IN (SELECT s.id FROM channel_signups s"
        "   WHERE s.tenant_id = $1 AND s.account_id IS NULL AND s.created_at < now() - make_interval(days => $2)"
        "   ORDER BY s.id LIMIT 100 FOR UPDATE SKIP LOCKED) RETURNING secret_id, pin_secret_id",
        session.scope.tenant_id,
        KEPT_DAYS,
    )
    return [each for row in rows for each in (row["secret_id"], row["pin_secret_id"]) if each is not None]


async def add_act(session: TenantSession, account_id: UUID, act: str, member_name: str) -> None:
    """Note that somebody saw, or entered, what is secret about an account."""
    await session.execute(
        "INSERT INTO channel_acts (tenant_id, account_id, act, member_name) VALUES ($1, $2, $3, $4)",
        session.scope.tenant_id,
        account_id,
        act,
        member_name,
    )


async def acts(session: TenantSession, account_id: UUID) -> list[Record]:
    """Return what was noted of that (act, member_name, at), the newest first."""
    return await session.fetch(
        "SELECT act, member_name, at FROM channel_acts WHERE tenant_id = $1 AND account_id = $2 ORDER BY id DESC LIMIT 20",
        session.scope.tenant_id,
        account_id,
    )


async def _step(session: TenantSession, signup_id: UUID, column: str) -> None:
    other = "registered_at" if column == "subscribed_at" else "subscribed_at"
    await session.execute(
        f"UPDATE channel_signups SET {column} = coalesce({column}, now()), problem = NULL, problem_at = NULL,"  # constants
        f"   done_at = CASE WHEN {other} IS NOT NULL THEN now() END WHERE tenant_id = $1 AND id = $2 AND account_id IS NOT NULL",
        session.scope.tenant_id,
        signup_id,
    )


def _signup(row: Record) -> Signup:
    values = dict(row)
    listed = json.loads(values.pop("numbers"))
    numbers = tuple(Number(each["id"], each["phone_number"], each["name"]) for each in listed)
    return Signup(numbers=numbers, **values)
