"""What becomes of a filled-in template: it is sent, or its form comes back and says why not."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from konstruct.channels.outreach.check import Refused
from konstruct.channels.outreach.words import sentence
from konstruct.channels.outreach.writing import write_in
from konstruct.db.session import TenantSession
from konstruct.tenants.sessions import Visitor
from konstruct.web.portal.outreach.picker import Filled, use_in


async def submit(
    session: TenantSession, visitor: Visitor, account_id: UUID, contact_id: UUID, filled: Filled, token: UUID, act: str
) -> Filled | None:
    """Send a template in the visitor's name; None: it is on its way. Else the form as it is to be shown again.

    `act`: "preview" shows how it will read and sends nothing. Raises NotFoundError.
    """
    use, wrong = await use_in(session, account_id, filled)
    if act == "preview":
        return filled
    if wrong:
        return replace(filled, problems=wrong, token=token, status=422)
    written = await write_in(session, account_id=account_id, contact_id=contact_id, use=use, by=visitor.member.id, token=token)
    if isinstance(written, Refused):
        return replace(filled, error=sentence(written.reason), token=token, status=409)
    return None
