"""A refused message says something of the number that sent it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from konstruct.channels.quality import acting, planning
from konstruct.channels.quality.breaker_rules import BY_PROVIDER
from konstruct.channels.quality.machine import Tripped
from konstruct.db.session import TenantSession

if TYPE_CHECKING:
    from konstruct.channels.refusals import Refusal


async def outreach(session: TenantSession, refusal: Refusal) -> None:
    """The provider itself says that the number may write to nobody first: once is enough. What else was refused is looked at,
    with all that was sent, in a minute."""
    if refusal.said.outreach:
        moved = await acting.observe(session, [refusal.account_id], Tripped(BY_PROVIDER))
        acting.tell_operators(session.scope, moved)
    elif refusal.kind == "outreach":
        await planning.watch(session, refusal.account_id)
