"""SQL of ending every way into a business."""

from __future__ import annotations

from konstruct.db.session import TenantSession


async def end_sessions(session: TenantSession) -> int:
    """Delete every session of the business; return how many."""
    return await session.execute("DELETE FROM sessions WHERE tenant_id = $1", session.scope.tenant_id)


async def end_links(session: TenantSession) -> int:
    """Use up every link and code that still works; return how many."""
    sql = "UPDATE sign_in_links SET used_at = now() WHERE tenant_id = $1 AND used_at IS NULL AND expires_at > now()"
    return await session.execute(sql, session.scope.tenant_id)


async def revoke_keys(session: TenantSession) -> int:
    """Revoke every key of the API that is not revoked yet; return how many."""
    sql = "UPDATE api_keys SET revoked_at = now() WHERE tenant_id = $1 AND revoked_at IS NULL"
    return await session.execute(sql, session.scope.tenant_id)
