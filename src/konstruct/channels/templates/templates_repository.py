"""SQL of `templates`: what a business account's templates are, and in which state."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels.templates.template import Template
from konstruct.db.session import TenantSession

LISTED_MAX = 500

_COLUMNS = (
    "t.id, t.kind, t.business_account_id, t.name, t.language, t.state, t.category, t.quality, t.reason, t.provider_id, t.named,"
    " t.components, t.synced_at"
)
_OF_ACCOUNT = (
    "FROM channel_accounts a JOIN templates t ON t.tenant_id = a.tenant_id AND t.kind = a.kind"
    " AND t.business_account_id = a.business_account_id WHERE a.tenant_id = $1 AND a.id = $2"
)


async def of_account(session: TenantSession, account_id: UUID) -> list[Template]:
    """Return the templates that an account can use, by name and language; the first LISTED_MAX."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} {_OF_ACCOUNT} ORDER BY t.name, t.language LIMIT $3", session.scope.tenant_id, account_id, LISTED_MAX
    )
    return [Template(**row) for row in rows]


async def find(session: TenantSession, account_id: UUID, name: str, language: str) -> Template | None:
    """Return the template that the account's provider knows by this name and language, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} {_OF_ACCOUNT} AND t.name = $3 AND t.language = $4",
        session.scope.tenant_id,
        account_id,
        name,
        language,
    )
    return Template(**row) if row else None
