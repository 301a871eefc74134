"""After a restore: what was under way when the backup was made is not done again."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from konstruct.conversations import restored_repository as repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What will not happen any more."""

    deliveries: int
    """Answers that may have been shown since the backup, and would be shown again."""
    messages: int
    """Questions that may have been answered since, and would be answered again."""


async def cancel_pending(db: Database, scope: TenantScope) -> Cancelled:
    """Cancel a business's deliveries that are not settled, and leave its unanswered messages to people. May be repeated.

    Call it before a worker starts. What arrives afterwards is answered as always.
    """
    async with db.tenant(scope) as session:
        cancelled = Cancelled(await repository.cancel_deliveries(session), await repository.leave_to_people(session))
    log.info("pending_cancelled", tenant_id=str(scope.tenant_id), deliveries=cancelled.deliveries, messages=cancelled.messages)
    return cancelled
