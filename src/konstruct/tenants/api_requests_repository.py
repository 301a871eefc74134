"""SQL of `api_requests`: what writes of the API have answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from konstruct.db.session import TenantSession

_PRUNED = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given before."""

    request_hash: bytes
    status: int
    body: str | None


async def lock(session: TenantSession, key_id: UUID, idempotency_key: str) -> bool:
    """Hold the caller's key for this transaction; False if another one has it at this moment. Nobody waits."""
    name = f"api:{session.scope.tenant_id}:{key_id}:{idempotency_key}"
    return bool(await session.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", name))


async def find(session: TenantSession, key_id: UUID, idempotency_key: str) -> Kept | None:
    """Return what was answered. A statement after `lock`: it sees what the one before has committed."""
    row = await session.fetchrow(
        "SELECT request_hash, status, body FROM api_requests"
        " WHERE tenant_id = $1 AND key_id = $2 AND idempotency_key = $3 AND expires_at > now()",
        session.scope.tenant_id,
        key_id,
        idempotency_key,
    )
    return Kept(**row) if row else None


async def keep(session: TenantSession, key_id: UUID, idempotency_key: str, answer: Kept, lifetime: timedelta) -> None:
    """Store an answer with the effect that it tells of; what has expired goes, some of it at a time."""
    tenant_id = session.scope.tenant_id
    await session.execute(
        "DELETE FROM api_requests r USING (SELECT key_id, idempotency_key FROM api_requests"
        "   WHERE tenant_id = $1 AND expires_at <= now() ORDER BY (key_id = $2 AND idempotency_key = $3) DESC LIMIT $4"
        "   FOR UPDATE SKIP LOCKED) old"
        " WHERE r.tenant_id = $1 AND r.key_id = old.key_id AND r.idempotency_key = old.idempotency_key",
        tenant_id,
        key_id,
        idempotency_key,
        _PRUNED,
    )
    await session.execute(
        "INSERT INTO api_requests (tenant_id, key_id, idempotency_key, request_hash, status, body, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, now() + $7::interval)",
        tenant_id,
        key_id,
        idempotency_key,
        answer.request_hash,
        answer.status,
        answer.body,
        lifetime,
    )
