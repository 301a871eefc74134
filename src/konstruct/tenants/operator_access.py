"""What operators may do to a business, with a reason that its owner can read: suspend it, resume it, look into it.

An operator's pages show no content. Reading conversations takes an access: a reason, written down before the first look,
and half an hour.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import ConflictError, KonstructError
from konstruct.kit.text import storable
from konstruct.tenants import operator_access_repository as repository
from konstruct.tenants import service
from konstruct.tenants.operator_access_repository import Access
from konstruct.tenants.operators_repository import Operator

log = structlog.get_logger()

LIFETIME = timedelta(minutes=30)
REASON_MIN, REASON_MAX = 10, 500
"""Characters of a reason for reading conversations."""
WHY_MIN = 3
"""Characters of a reason for suspending or resuming."""


async def open_access(db: Database, operator: Operator, tenant_id: UUID, reason: str) -> Access:
    """Let an operator read a business's conversations for half an hour.

    Raises KonstructError for a reason that says nothing, NotFoundError for an unknown business.
    """
    reason = _checked(reason, REASON_MIN)
    scope = await service.require_tenant(db, tenant_id)
    async with db.tenant(scope) as session:
        access = await repository.insert_access(session, operator, reason, LIFETIME)
    log.warning("operator_access_opened", tenant_id=str(tenant_id), operator_id=str(operator.id), access_id=str(access.id))
    return access


async def find_access(db: Database, operator: Operator, tenant_id: UUID) -> Access | None:
    """Return the operator's access to a business that has not run out, or None; also for a business that does not exist."""
    return await db.run(TenantScope(tenant_id), lambda session: repository.find_access(session, operator.id))


async def set_status(
    db: Database, operator: Operator, tenant_id: UUID, status: Literal["active", "suspended"], reason: str
) -> None:
    """Suspend or resume a business for a reason, which is written down first. What is so already stays as it is.

    Raises KonstructError for a reason that says nothing, NotFoundError, ConflictError for a business that is being erased.
    """
    reason = _checked(reason, WHY_MIN)
    scope = await service.require_tenant(db, tenant_id)
    # Two logins cannot share a transaction: rather a record of what then failed than a suspension nobody answers for.
    async with db.tenant(scope) as session:
        now = await repository.status(session)
        if now == status:
            return
        if now == "erasing":
            raise ConflictError("this business is being erased: nothing brings it back")
        await repository.record(session, operator, "suspend" if status == "suspended" else "resume", reason=reason)
    await service.set_status(db, tenant_id, status)
    log.warning("operator_set_status", tenant_id=str(tenant_id), operator_id=str(operator.id), status=status)


def _checked(reason: str, least: int) -> str:
    reason = storable(reason).strip()
    if not least <= len(reason) <= REASON_MAX:
        raise KonstructError(f"give a reason of {least} to {REASON_MAX} characters: the business's owner will read it")
    return reason
