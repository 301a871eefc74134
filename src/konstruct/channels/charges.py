"""What the provider bills. Each message counts once, in the provider's own category, whatever the order of what it says."""

from __future__ import annotations

import re

import structlog

from konstruct.channels import charges_repository, receipts_repository
from konstruct.channels.charges_repository import Charge
from konstruct.channels.events_handling import Received
from konstruct.channels.port_events import Receipt
from konstruct.channels.quality import repository as quality_repository
from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.tenants import notices, notices_numbers

log = structlog.get_logger()

GENERAL_AI = "general_purpose_ai"
"""The category of services that are a general-purpose AI. Meta does not allow them: it has taken the business for one."""
_RANKS = {"sent": 1, "failed": 2, "delivered": 3, "read": 4}
"""As for receipts: a message that was delivered did not fail. Meta bills what it delivers; what failed costs nothing."""
_WORD = re.compile(r"[^A-Za-z0-9_]+")
_WORD_MAX = 60


class Charges:
    """Handles the prices of `Receipt`s."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def __call__(self, received: Received) -> None:
        """Count the message, if this receipt says more than those before it."""
        receipt: Receipt = received.event
        charge = charge_of(receipt)
        if charge is None:
            return

        async def work(session: TenantSession) -> bool:
            found = await receipts_repository.find(session, received.account_id, receipt)
            if found is not None:
                await charges_repository.note(session, found.delivery_id, charge)
            if (receipt.charged_as or "").lower() != GENERAL_AI:
                return False
            if await quality_repository.priced_as_ai(session, received.account_id):
                await _tell_owner(session, received)
            return True

        if await self._db.run(received.scope, work):
            log.error("number_priced_as_ai", tenant_id=str(received.scope.tenant_id), account_id=str(received.account_id))


def charge_of(receipt: Receipt) -> Charge | None:
    """Return what a receipt says of the price, or None if it says nothing: a failed message costs nothing, and says so."""
    rank = _RANKS[receipt.state]
    if receipt.state == "failed":
        return Charge(rank, receipt.at)
    if receipt.charged_as is None:
        return None
    # Who does not say whether it costs, and names its category, bills it.
    billable = True if receipt.billable is None else receipt.billable
    return Charge(
        rank,
        receipt.at,
        _word(receipt.charged_as) or "unknown",
        billable,
        _word(receipt.charge_type or ""),
        _word(receipt.charge_model or ""),
    )


def _word(text: str) -> str:
    return _WORD.sub("_", text).strip("_").lower()[:_WORD_MAX]


async def _tell_owner(session: TenantSession, received: Received) -> None:
    kind, place = await charges_repository.place_of(session, received.account_id)
    await notices.raise_notice(session, notices_numbers.priced_as_ai(received.account_id, kind, place))
