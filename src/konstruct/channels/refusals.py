"""What a refusal makes known besides the delivery itself: each thing has a handler, in the transaction that notes the refusal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from konstruct.channels import refusals_repository
from konstruct.channels.outreach import tier_changes
from konstruct.channels.port import Failed
from konstruct.channels.quality import refused
from konstruct.channels.templates.refusing import refused as templates_refused
from konstruct.channels.waiting_late import waits_after_all
from konstruct.db.session import TenantSession
from konstruct.tenants.notices import raise_notice
from konstruct.tenants.notices_troubles import payment_wanted


@dataclass(frozen=True, slots=True)
class Refusal:
    """A delivery that was refused for good, at once or by a receipt that came later."""

    account_id: UUID
    conversation_id: UUID
    delivery_id: UUID
    kind: str
    """Of the delivery: reply, outreach, ..."""
    template: tuple[str, str] | None
    """Name and language, of one that is a template."""
    said: Failed
    """What the provider's refusal means."""


Handler = Callable[[TenantSession, Refusal], Awaitable[None]]
"""Looks at one thing. The same refusal may come twice: as an answer, and as a receipt."""


async def payment(session: TenantSession, refusal: Refusal) -> None:
    """The provider wants to be paid: only the owner can see to that."""
    if refusal.said.payment:
        await raise_notice(session, payment_wanted(refusal.account_id))


async def volume(session: TenantSession, refusal: Refusal) -> None:
    """The provider counts more than we do: less is written first for a day."""
    if refusal.said.outreach and refusal.template is not None:
        await tier_changes.refused(session, refusal.account_id)


# How a number stands is locked before its portfolio, as where something is sent.
HANDLERS: tuple[Handler, ...] = (payment, refused.outreach, volume, templates_refused, waits_after_all)


async def note(session: TenantSession, delivery_id: UUID, said: Failed) -> None:
    """Let each handler see that the delivery was refused."""
    found = await refusals_repository.find(session, delivery_id)
    if found is not None:
        for handler in HANDLERS:
            await handler(session, Refusal(delivery_id=delivery_id, said=said, **found))
