"""Installing by a provider's page of consent: the way there, and the one way back.

The state is what proves, when the browser comes back, that this very sign-in began the install: a stranger's approval of
a stranger's workspace, slipped to a signed-in member as a link, has none.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from konstruct.channels import installs_repository as repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants import tickets

LIFETIME_S = 600.0
"""For how long a page of consent may stay open."""
_KEPT_S = 3600.0
"""For how long a state that is over is known as such, so that its page can say why."""
_STATE_MAX = 200


class StateRefusal(StrEnum):
    """Why a state is not taken."""

    UNKNOWN = "unknown"
    """Nobody of this business began an install with it."""
    ELSEWHERE = "elsewhere"
    """Another sign-in began it."""
    EXPIRED = "expired"
    USED = "used"


async def begin(db: Database, scope: TenantScope, session_id: UUID, kind: str) -> str:
    """Begin an install for the member's session; return the state for the page of consent. Its hash alone is kept."""
    state = tickets.new_secret()
    async with db.tenant(scope) as session:
        await repository.forget(session, _KEPT_S)
        await repository.insert(session, kind, session_id, tickets.digest(state), LIFETIME_S)
    return state


async def redeem(db: Database, scope: TenantScope, session_id: UUID, kind: str, state: str) -> StateRefusal | None:
    """Use the state up; return None, or why it cannot be. It can once, in time, by the session that began."""
    if not state or len(state) > _STATE_MAX:
        return StateRefusal.UNKNOWN
    held = tickets.digest(state)
    async with db.tenant(scope) as session:
        if await repository.use(session, kind, session_id, held):
            return None
        begun = await repository.find(session, kind, held)
    if begun is None:
        return StateRefusal.UNKNOWN
    if begun.session_id != session_id:
        return StateRefusal.ELSEWHERE
    return StateRefusal.USED if begun.used else StateRefusal.EXPIRED
