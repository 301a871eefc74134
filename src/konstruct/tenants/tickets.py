"""Tickets: secrets that name their tenant, in links and cookies. `TENANT.SECRET`, of which only the secret's hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from uuid import UUID

from konstruct.db.scope import TenantScope

_MAX = 200


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_code() -> str:
    """Return a code of six digits, for typing."""
    return f"{secrets.randbelow(1_000_000):06}"


def digest(secret: str) -> bytes:
    """Return what is stored of a secret. It has 256 random bits: nothing slower than one hash is needed."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def join(scope: TenantScope, secret: str) -> str:
    """Return the ticket of a secret."""
    return f"{scope.tenant_id.hex}.{secret}"


def split(ticket: str) -> tuple[TenantScope, str] | None:
    """Return scope and secret of a ticket, or None for anything that is not in its form. It proves nothing yet."""
    tenant, dot, secret = ticket.partition(".")
    if not dot or not secret or len(ticket) > _MAX:
        return None
    try:
        return TenantScope(UUID(hex=tenant)), secret
    except ValueError:
        return None
