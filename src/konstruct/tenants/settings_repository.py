"""SQL of a business's settings, and of members' own wish for e-mail."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from konstruct.db.session import TenantSession

if TYPE_CHECKING:
    from konstruct.tenants.settings import BusinessSettings


async def read(session: TenantSession) -> tuple[str, str, int | None]:
    """Return name, time zone and days of retention."""
    row = await session.fetchrow(
        "SELECT name, time_zone, retention_days FROM tenants WHERE tenant_id = $1", session.scope.tenant_id
    )
    assert row is not None  # whoever asks was let in by this tenant
    return row["name"], row["time_zone"], row["retention_days"]


async def knows_zone(session: TenantSession, name: str) -> bool:
    """Return whether the server has a time zone of this name: it has a list of its own, and counts days by it."""
    return bool(await session.fetchval("SELECT EXISTS (SELECT 1 FROM pg_timezone_names WHERE name = $1)", name))


async def update(session: TenantSession, changed: BusinessSettings) -> None:
    """Store the settings."""
    await session.execute(
        "UPDATE tenants SET name = $2, time_zone = $3, retention_days = $4 WHERE tenant_id = $1",
        session.scope.tenant_id,
        changed.name,
        changed.time_zone,
        changed.retention_days,
    )


async def wants_mail(session: TenantSession, member_id: UUID) -> bool:
    """Return whether a member wants notices by e-mail."""
    return bool(
        await session.fetchval(
            "SELECT notice_mail FROM members WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, member_id
        )
    )


async def set_mail(session: TenantSession, member_id: UUID, wanted: bool) -> None:
    """Store whether a member wants notices by e-mail."""
    await session.execute(
        "UPDATE members SET notice_mail = $3 WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, member_id, wanted
    )
