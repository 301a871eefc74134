"""Nobody is written to first from a number that is not in good standing."""

from __future__ import annotations

from konstruct.channels.outreach.check import Outreach, Refused, Verdict
from konstruct.channels.quality import planning, repository
from konstruct.db.session import TenantSession

REASONS = {"no_outreach": "number_paused", "replies_only": "number_replies_only", "suspended": "number_suspended"}


async def check(session: TenantSession, outreach: Outreach) -> Verdict:
    """See `Check`. Whoever stopped the account before the send begins has stopped this message: its row is held until the
    send has begun, and a stop that is under way is waited for."""
    if outreach.stage == "sending":
        level = await repository.level_for_send(session, outreach.account_id)
        if level == "open":
            await planning.watch(session, outreach.account_id)
    else:
        level = await repository.level_of(session, outreach.account_id)
    return Refused(REASONS[level]) if level != "open" else None
