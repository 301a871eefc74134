"""Nobody is written to first from a number that is not in good standing."""

from __future__ import annotations

from konstruct.channels.outreach.check import Outreach, Refused, Verdict, Waits
from konstruct.channels.quality import planning, repository
from konstruct.channels.quality.levels import Level
from konstruct.db.session import TenantSession

LOOK_S = 900.0
"""What waits looks again after so long, whoever should have called it."""
REASONS: dict[Level, str] = {
    "no_outreach": "number_paused",
    "replies_only": "number_replies_only",
    "suspended": "number_suspended",
}


async def check(session: TenantSession, outreach: Outreach) -> Verdict:
    """See `Check`. Whoever stopped the account before the send begins has stopped this message: its row is held until the
    send has begun, and a stop that is under way is waited for."""
    if outreach.stage == "asked":
        level = await repository.level_of(session, outreach.account_id)
        return Refused(REASONS[level]) if level != "open" else None
    level = await repository.level_for_send(session, outreach.account_id)
    if level != "open":
        # It is not lost: when the number is resumed it is called, and goes.
        return Waits(LOOK_S, REASONS[level])
    await planning.watch(session, outreach.account_id)
    return None
