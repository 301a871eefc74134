"""All that has to hold before the business may write first, in order: what counts something comes last."""

from __future__ import annotations

from konstruct.channels.outreach import standing, volume
from konstruct.channels.outreach.approved import approved
from konstruct.channels.outreach.check import Check, Outreach, Verdict
from konstruct.channels.outreach.consent import consent
from konstruct.channels.outreach.verification import verification
from konstruct.db.session import TenantSession

CHECKS: tuple[Check, ...] = (
    approved,
    consent,
    verification,
    standing.check,
    volume.check,
)


async def verdict(session: TenantSession, outreach: Outreach) -> Verdict:
    """Return what the first check that objects says, or None."""
    for check in CHECKS:
        said = await check(session, outreach)
        if said is not None:
            return said
    return None
