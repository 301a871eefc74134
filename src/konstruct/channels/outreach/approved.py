"""Only a template that the provider has approved, and has not stopped since, goes out."""

from __future__ import annotations

from konstruct.channels.outreach.check import Outreach, Refused, Verdict
from konstruct.channels.templates import templates_repository
from konstruct.db.session import TenantSession

UNKNOWN = "template_unknown"
_STOPPED = {"PAUSED": "template_paused", "DISABLED": "template_disabled", "MISSING": "template_missing"}


async def approved(session: TenantSession, outreach: Outreach) -> Verdict:
    """Refuse a template that is not known, not approved, paused or disabled, or that we cannot fill in."""
    template = await templates_repository.find(session, outreach.account_id, *outreach.template)
    if template is None:
        return Refused(UNKNOWN)
    if not template.approved:
        return Refused(_STOPPED.get(template.state.upper(), "template_not_approved"))
    return None if template.usable else Refused("template_unusable")
