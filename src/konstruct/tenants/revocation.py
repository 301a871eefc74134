"""Ending every way into a business at once: sessions, links and codes that were not used yet, and keys of the API."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants import revocation_repository as repository

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Revoked:
    """How many of each ended."""

    sessions: int
    links: int
    api_keys: int


async def revoke_all(db: Database, scope: TenantScope) -> Revoked:
    """Sign everybody of a business out, and revoke its API keys. Members stay, and may ask for a new link.

    One transaction: whoever was in is out at the next request, or nothing was done.
    """
    async with db.tenant(scope) as session:
        revoked = Revoked(
            await repository.end_sessions(session), await repository.end_links(session), await repository.revoke_keys(session)
        )
    log.info(
        "access_revoked", tenant_id=str(scope.tenant_id), sessions=revoked.sessions, links=revoked.links, keys=revoked.api_keys
    )
    return revoked
