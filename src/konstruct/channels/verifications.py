"""Whether the provider has verified a business, as a state machine with a history.

not_started → submitted → approved or rejected; a rejected one may be submitted again, and an approval can be taken back. Where
the provider tells, its word holds, and nobody can enter another; where it does not, an admin enters what it wrote to them.
"""

from __future__ import annotations

from uuid import UUID

import structlog

from konstruct.channels import verifications_repository as repository
from konstruct.channels.port_signup import Verified
from konstruct.channels.verifications_repository import State, Verification
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, NotFoundError

log = structlog.get_logger()

STATES: tuple[State, ...] = ("not_started", "submitted", "approved", "rejected")
NEXT: dict[State, tuple[State, ...]] = {
    "not_started": ("submitted", "approved"),
    "submitted": ("approved", "rejected", "not_started"),
    "approved": ("rejected",),
    "rejected": ("submitted",),
}
"""What may be entered by hand after each. Somebody may come here with a business that was verified long ago."""


class ProviderTellsError(ConflictError):
    """The provider itself tells the state: nobody can enter another."""


async def current(session: TenantSession, account_id: UUID) -> Verification | None:
    """See `verifications_repository.current`."""
    return await repository.current(session, account_id)


async def told(session: TenantSession, account_id: UUID, verified: Verified) -> bool:
    """Take note of what the provider says; return whether that is a change."""
    if not await repository.lock(session, account_id):
        return False
    before = await repository.current(session, account_id)
    if before is not None and (before.state, before.source, before.said) == (verified.state, "provider", verified.said):
        return False
    await repository.add(session, account_id, verified.state, "provider", verified.said, None)
    log.info("verification_told", account_id=str(account_id), state=verified.state, said=verified.said)
    return True


async def not_told(session: TenantSession, account_id: UUID) -> bool:
    """The provider will not say, or says it no more: what it said last stays, and people may enter what they know."""
    if not await repository.lock(session, account_id):
        return False
    before = await repository.current(session, account_id)
    if before is None or before.source != "provider":
        return False
    await repository.add(session, account_id, before.state, "nobody", None, None)
    log.info("verification_not_told", account_id=str(account_id), state=before.state)
    return True


async def enter(session: TenantSession, account_id: UUID, state: State, by: str) -> None:
    """Enter what the provider wrote to the business. The same again changes nothing.

    Raises NotFoundError, ProviderTellsError, and ConflictError for what cannot follow.
    """
    if not await repository.lock(session, account_id):
        raise NotFoundError(f"there is no channel account {account_id}")
    before = await repository.current(session, account_id)
    if before is not None and before.source == "provider":
        raise ProviderTellsError("the provider itself tells how the verification stands")
    now: State = before.state if before is not None else "not_started"
    if state == now:
        return
    if state not in NEXT[now]:
        raise ConflictError(f"{state} cannot follow {now}")
    await repository.add(session, account_id, state, "member", None, by)
    log.info("verification_entered", account_id=str(account_id), state=state)
