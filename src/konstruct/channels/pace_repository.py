"""SQL of the floor under the rates: how soon a number may send again, and how soon to the same person, however many workers ask
and whatever has become of Valkey."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession


async def take_pair(session: TenantSession, conversation_id: UUID, spacing_s: float, window_s: float) -> float:
    """Return 0 if the person may be sent a message now, else in how many seconds. The lane's row is locked by its holder.

    Until the end of the call is known it is taken to be the last possible: `window_s` from now.
    """
    wait = await session.fetchval(
        "WITH held AS (SELECT extract(epoch FROM paced_until - clock_timestamp())::float8 AS wait FROM ready_queue"
        "   WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'send'),"
        " taken AS (UPDATE ready_queue SET paced_until = clock_timestamp() + ($3::float8 + $4::float8) * interval '1 second'"
        "   WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'send'"
        "   AND (SELECT coalesce(wait, 0) <= 0 FROM held))"
        " SELECT greatest(wait, 0) FROM held",
        session.scope.tenant_id,
        conversation_id,
        spacing_s,
        window_s,
    )
    return float(wait or 0.0)


async def end_pair(session: TenantSession, conversation_id: UUID, spacing_s: float) -> None:
    """The call has ended: the next message to the person may follow `spacing_s` from now."""
    await session.execute(
        "UPDATE ready_queue SET paced_until = clock_timestamp() + $3::float8 * interval '1 second'"
        " WHERE tenant_id = $1 AND conversation_id = $2 AND lane = 'send'",
        session.scope.tenant_id,
        conversation_id,
        spacing_s,
    )


async def take_number(session: TenantSession, account_id: UUID, interval_s: float, burst: int) -> float:
    """Return 0 if the number may send now (it is counted), else in how many seconds. Locks the number's row: it comes last.

    At most `burst` at once, and one more every `interval_s`.
    """
    wait = await session.fetchval(
        "INSERT INTO send_paces AS p (tenant_id, account_id, next_at)"
        " VALUES ($1, $2, clock_timestamp() + $3::float8 * interval '1 second')"
        " ON CONFLICT (tenant_id, account_id) DO UPDATE SET next_at = greatest(p.next_at, clock_timestamp())"
        "   + $3::float8 * interval '1 second'"
        " RETURNING extract(epoch FROM next_at - clock_timestamp())::float8",
        session.scope.tenant_id,
        account_id,
        interval_s,
    )
    return max(0.0, float(wait) - burst * interval_s)
