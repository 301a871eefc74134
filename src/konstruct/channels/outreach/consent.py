"""The person has agreed to be written to first, for what the template is for, and it is proved."""

from __future__ import annotations

from konstruct.channels.outreach.check import Outreach, Refused, Verdict
from konstruct.conversations.consent import consents_repository
from konstruct.db.session import TenantSession

NO_CONSENT = "no_consent"


async def consent(session: TenantSession, outreach: Outreach) -> Verdict:
    """Refuse what has no live consent.

    The database refuses it once more, when it is stored and when its send begins (`delivery_consent`): there the contact is
    locked, so that no withdrawal slips between.
    """
    name, language = outreach.template
    live = await consents_repository.live_for_template(session, outreach.account_id, outreach.contact_id, name, language)
    return None if live is not None else Refused(NO_CONSENT)
