"""SQL of `sign_in_links`: each is used once, and says for which browser it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.tenants import tickets

_LIVE = "used_at IS NULL AND expires_at > now()"


async def insert(
    session: TenantSession,
    member_id: UUID,
    kind: Literal["printed", "email", "invitation"],
    secret: str,
    lifetime: timedelta,
    code_hash: bytes | None = None,
    browser_hash: bytes | None = None,
) -> None:
    """Store a link by the hash of its secret."""
    await session.execute(
        "INSERT INTO sign_in_links (tenant_id, id, member_id, kind, token_hash, code_hash, browser_hash, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, now() + $8)",
        session.scope.tenant_id,
        uuid7(),
        member_id,
        kind,
        tickets.digest(secret),
        code_hash,
        browser_hash,
        lifetime,
    )


async def count_mails(session: TenantSession, member_id: UUID, within: timedelta) -> int:
    """Lock the member, and return how many links it was mailed within that time: two requests at once count each other."""
    await session.execute(
        "SELECT 1 FROM members WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", session.scope.tenant_id, member_id
    )
    count: int = await session.fetchval(
        "SELECT count(*) FROM sign_in_links WHERE tenant_id = $1 AND member_id = $2 AND kind = 'email'"
        " AND created_at > now() - $3::interval",
        session.scope.tenant_id,
        member_id,
        within,
    )
    return count


async def use(session: TenantSession, token_hash: bytes, browser_hash: bytes) -> UUID | None:
    """Use a link up, in the browser it is bound to if it is; return its member, or None."""
    member_id: UUID | None = await session.fetchval(
        f"UPDATE sign_in_links SET used_at = now() WHERE tenant_id = $1 AND token_hash = $2 AND {_LIVE}"
        " AND (browser_hash IS NULL OR browser_hash = $3) RETURNING member_id",
        session.scope.tenant_id,
        token_hash,
        browser_hash,
    )
    return member_id


async def use_code(session: TenantSession, code_hash: bytes, browser_hash: bytes, attempts: int) -> UUID | None:
    """Use the link of a code up, if it has had fewer than `attempts` wrong codes; return its member, or None."""
    member_id: UUID | None = await session.fetchval(
        f"UPDATE sign_in_links SET used_at = now() WHERE tenant_id = $1 AND code_hash = $2 AND browser_hash = $3"
        f" AND attempts < $4 AND {_LIVE} RETURNING member_id",
        session.scope.tenant_id,
        code_hash,
        browser_hash,
        attempts,
    )
    return member_id


async def count_attempt(session: TenantSession, browser_hash: bytes) -> None:
    """Note a wrong code of a browser."""
    await session.execute(
        f"UPDATE sign_in_links SET attempts = attempts + 1 WHERE tenant_id = $1 AND browser_hash = $2 AND {_LIVE}",
        session.scope.tenant_id,
        browser_hash,
    )


async def browser_of(session: TenantSession, token_hash: bytes) -> bytes | None:
    """Return the hash of the browser that a live link is bound to, or None."""
    bound: bytes | None = await session.fetchval(
        f"SELECT browser_hash FROM sign_in_links WHERE tenant_id = $1 AND token_hash = $2 AND {_LIVE}",
        session.scope.tenant_id,
        token_hash,
    )
    return bound


async def business(session: TenantSession) -> str:
    """Return the business's name."""
    name: str = await session.fetchval("SELECT name FROM tenants WHERE tenant_id = $1", session.scope.tenant_id)
    return name


async def is_active(session: TenantSession) -> bool:
    """Return whether the business is there and active."""
    status = await session.fetchval("SELECT status FROM tenant_directory WHERE tenant_id = $1", session.scope.tenant_id)
    return bool(status == "active")
