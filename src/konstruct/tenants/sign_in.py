"""Signing in by a one-time link, and the opaque sessions that it opens. Only hashes are stored."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7

LINK_LIFETIME = timedelta(minutes=30)
IDLE = timedelta(hours=12)
LIFETIME = timedelta(days=14)
"""Idle and absolute life of a session (OWASP ASVS 5.0, 7.3)."""


async def create_link(db: Database, scope: TenantScope, public_url: str) -> str:
    """Return the address of a new one-time link for the tenant's owner."""
    token = secrets.token_urlsafe(32)
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO sign_in_links (tenant_id, id, token_hash, expires_at) VALUES ($1, $2, $3, now() + $4)",
            scope.tenant_id,
            uuid7(),
            _hash(token),
            LINK_LIFETIME,
        )
    return f"{public_url.rstrip('/')}/sign-in/{_join(scope, token)}"


async def use_link(db: Database, ticket: str) -> str | None:
    """Use up the link whose last path segment is `ticket`; return a session's cookie value, or None if it is not valid."""
    parsed = _split(ticket)
    if parsed is None:
        return None
    scope, token = parsed
    cookie = secrets.token_urlsafe(32)
    async with db.tenant(scope) as session:
        used = await session.execute(
            "UPDATE sign_in_links SET used_at = now()"
            " WHERE tenant_id = $1 AND token_hash = $2 AND used_at IS NULL AND expires_at > now()",
            scope.tenant_id,
            _hash(token),
        )
        if not used:
            return None
        await _open(session, cookie)
    return _join(scope, cookie)


async def find_session(db: Database, cookie: str) -> TenantScope | None:
    """Return the scope of a live session of an active tenant, and note that it was seen; else None."""
    parsed = _split(cookie)
    if parsed is None:
        return None
    scope, token = parsed
    async with db.tenant(scope) as session:
        live = await session.execute(
            "UPDATE sessions s SET seen_at = now() FROM tenant_directory d WHERE s.tenant_id = $1 AND s.token_hash = $2"
            " AND s.expires_at > now() AND s.seen_at > now() - $3::interval"
            " AND d.tenant_id = s.tenant_id AND d.status = 'active'",
            scope.tenant_id,
            _hash(token),
            IDLE,
        )
    return scope if live else None


async def close_session(db: Database, cookie: str) -> None:
    """Sign out: the session ends on the server."""
    parsed = _split(cookie)
    if parsed is not None:
        scope, token = parsed
        async with db.tenant(scope) as session:
            await session.execute("DELETE FROM sessions WHERE tenant_id = $1 AND token_hash = $2", scope.tenant_id, _hash(token))


async def _open(session: TenantSession, cookie: str) -> None:
    await session.execute(
        "INSERT INTO sessions (tenant_id, id, token_hash, expires_at) VALUES ($1, $2, $3, now() + $4)",
        session.scope.tenant_id,
        uuid7(),
        _hash(cookie),
        LIFETIME,
    )


def _hash(token: str) -> bytes:
    # The token has 256 random bits: nothing slower than one hash is needed.
    return hashlib.sha256(token.encode()).digest()


def _join(scope: TenantScope, token: str) -> str:
    return f"{scope.tenant_id.hex}.{token}"


def _split(ticket: str) -> tuple[TenantScope, str] | None:
    tenant, dot, token = ticket.partition(".")
    if not dot or not token or len(ticket) > 200:
        return None
    try:
        return TenantScope(UUID(hex=tenant)), token
    except ValueError:
        return None
