"""Some of the invented people have agreed to hear from the sample businesses, so that a template can be sent at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from konstruct.conversations.consent import lists_repository, recording
from konstruct.conversations.consent.evidence import Evidence
from konstruct.conversations.consent.recorder import Recorder
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.local.sandbox.meta.samples import AGREED

_WORDING = "Yes, you may write to me on WhatsApp about my orders and bookings, and send me your offers."
_WHO = Recorder("Sandbox")
_LISTS = 10
"""A business that was just made has one."""


async def let_people_agree(db: Database, scope: TenantScope, account_id: UUID) -> None:
    """Record their consent for one number, and vouch for it."""
    at = datetime.now(UTC) - timedelta(days=1)
    evidence = Evidence("any", "on paper, in the shop", _WORDING, "a form of the sandbox", at, "1")
    async with db.tenant(scope) as session:
        for phone in AGREED:
            await recording.record(session, account_id, "hand", phone.digits, phone.name, evidence, _WHO)
        for each in await lists_repository.newest(session, None, _LISTS):
            if each.account_id == account_id and each.attested_at is None:
                await recording.attest(session, each.id, recording.statement_of(each.kind), _WHO)
