"""A free text that the provider took, and refused later because the window was closed by its clock: it waits after all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from konstruct.channels import waiting_repository
from konstruct.db.session import TenantSession
from konstruct.jobs import queue

if TYPE_CHECKING:
    from konstruct.channels.refusals import Refusal

log = structlog.get_logger()


async def waits_after_all(session: TenantSession, refusal: Refusal) -> None:
    """Let the delivery be pending again: it was not shown. The sender then lets it wait, and tells the owner."""
    if not refusal.said.window or refusal.template is not None:
        return
    late = await waiting_repository.refused_late(session, refusal.delivery_id)
    if late is None:
        return
    if not late.heard_since:
        # The contact before the conversation's lane, as everywhere.
        await waiting_repository.shut(session, late.contact_id, late.expires_at)
    await queue.bump(session, refusal.conversation_id, "send")
    if await waiting_repository.take_back(session, refusal.delivery_id):
        log.info("delivery_waits_after_all", delivery_id=str(refusal.delivery_id))
