"""What stands behind a number, learned after it was connected: a portfolio and a business account belong to one business here.

Meta limits and bans a portfolio as a whole. Two businesses in one would be each other's ruin, and neither could be counted.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.channels import deliveries_repository, holdings_repository
from konstruct.channels.holdings_repository import AccountTakenError
from konstruct.channels.outreach import volume
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.tenants import notices
from konstruct.tenants.notices_troubles import portfolio_shared

log = structlog.get_logger()
SHARED = "portfolio_shared"


async def learn(
    db: Database,
    scope: TenantScope,
    account_id: UUID,
    *,
    business_account_id: str | None = None,
    portfolio_id: str | None = None,
) -> bool:
    """Note what the provider says a number belongs to; what is None was not said.

    Returns False if another business has it: then this number, the later one, is stopped until somebody connects it with
    another account. Its owner gets a notice, the operators an error in the log.
    """

    async def note(session: TenantSession) -> None:
        if await holdings_repository.set_holdings(session, account_id, business_account_id, portfolio_id):
            await holdings_repository.hold_account(session, account_id)
            await volume.settle(session, account_id)

    try:
        await db.run(scope, note)
    except AccountTakenError:
        await db.run(scope, lambda session: _stop(session, account_id))
        log.error("portfolio_shared", tenant_id=str(scope.tenant_id), account_id=str(account_id))
        return False
    return True


async def _stop(session: TenantSession, account_id: UUID) -> None:
    if await deliveries_repository.account_broken(session, account_id, SHARED):
        # To connect the same account again would not help.
        await notices.settle(session, "channel_broken", subject=str(account_id))
        await notices.raise_notice(session, portfolio_shared(account_id))
