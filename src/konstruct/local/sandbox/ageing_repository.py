"""SQL that lets time pass for a business's contacts."""

from __future__ import annotations

from uuid import UUID

from konstruct.db.session import TenantSession


async def close_windows_sooner(session: TenantSession, account_id: UUID, seconds: float) -> None:
    """Let the windows of the people of one account end so many seconds sooner, as if that time had passed."""
    await session.execute(
        "UPDATE contacts SET window_expires_at = window_expires_at - make_interval(secs => $3)"
        " WHERE tenant_id = $1 AND account_id = $2 AND window_expires_at IS NOT NULL",
        session.scope.tenant_id,
        account_id,
        seconds,
    )
