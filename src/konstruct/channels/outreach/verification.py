"""Whoever writes first must be a business that the provider has verified."""

from __future__ import annotations

from konstruct.channels import verifications_repository
from konstruct.channels.outreach.check import Outreach, Refused, Verdict
from konstruct.db.session import TenantSession

NOT_VERIFIED = "not_verified"


async def verification(session: TenantSession, outreach: Outreach) -> Verdict:
    """Return Refused unless the business behind the account is verified."""
    held = await verifications_repository.current(session, outreach.account_id)
    return None if held is not None and held.state == "approved" else Refused(NOT_VERIFIED)
