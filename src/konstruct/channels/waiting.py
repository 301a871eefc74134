"""What waits for a reply window: it stays pending until the person writes again, or until it is too old to help anybody.

The lane does not stand still meanwhile: templates, which need no window, go past what waits. The free texts keep their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from konstruct.channels import deliveries_repository, window
from konstruct.channels import waiting_repository as repository
from konstruct.channels.delivery_job import Job
from konstruct.channels.waiting_repository import Waiting
from konstruct.db.session import TenantSession
from konstruct.tenants import notices
from konstruct.tenants.notices_troubles import answer_waits

log = structlog.get_logger()

LOOK_S = 900.0
"""The lane looks again after so long at the latest, whoever should have called it."""


@dataclass(slots=True)
class Passed:
    """What one claim of the lane leaves behind, so that others may go before it."""

    waits: dict[UUID, float] = field(default_factory=dict)
    """What waits for itself: seconds by delivery."""
    texts: dict[UUID, float] | None = None
    """Free texts that wait for the window, likewise. While some do all have to, or one would go before another; None: none."""

    def left_behind(self, form: str) -> bool:
        """Return whether a delivery of this form has to wait with the others."""
        return self.texts is not None and form != "template"

    @property
    def ids(self) -> set[UUID]:
        """All that is left behind."""
        return self.waits.keys() | (self.texts or {}).keys()

    @property
    def wait_s(self) -> float | None:
        """In how many seconds the lane is to look again; None: nothing waits."""
        return min([*self.waits.values(), *(self.texts or {}).values()], default=None)


@dataclass(frozen=True, slots=True)
class Held:
    """What a look at the waiting texts came to."""

    ages: dict[UUID, float]
    """Of those that wait."""
    cancelled: int


async def hold(session: TenantSession, job: Job) -> Held | None:
    """Let every free text of the conversation wait, and say so to the owner, once for each; None if the window is open after all.

    What nobody needs any more is cancelled: an answer of whom somebody else has taken the conversation from, and a word of
    the house about who answers, which means nothing by the time the person writes again.
    """
    contact_id = job.sender.contact_id
    if contact_id is not None:
        # Before the conversation, as ingest does. Who opens the window waits, and then finds what is marked here.
        kept = await repository.look(session, contact_id, lock=True)
        if kept.left_s is not None and window.closed(job.adapter.caps, None, kept.left_s) is None:
            return None
    found = await repository.lock_waiting(session, job.claim)
    idle = [one for one in found if one.outdated or one.kind == "notice"]
    for one in idle:
        reason = "owner_changed" if one.outdated else window.CLOSED
        await deliveries_repository.end(session, job.claim, one.id, "cancelled", reason)
    waiting = [one for one in found if one not in idle]
    await _note(session, job, waiting)
    return Held({one.id: one.age_s for one in waiting}, len(idle))


async def settle(session: TenantSession, conversation_id: UUID) -> None:
    """Take the owner's notice back once nothing of the conversation waits any more."""
    if not await repository.is_waiting(session, conversation_id):
        await notices.settle(session, "answer_waits", subject=str(conversation_id))


async def refused(session: TenantSession, job: Job, delivery_id: UUID, seen: datetime | None) -> None:
    """The provider refused a free text because the window is closed by its clock: it was not shown, and waits."""
    if job.sender.contact_id is not None:
        await repository.shut(session, job.sender.contact_id, seen)
    await deliveries_repository.mark_pending(session, job.claim, delivery_id, "refused_window")


async def _note(session: TenantSession, job: Job, waiting: Sequence[Waiting]) -> None:
    fresh = [one.id for one in waiting if not one.marked]
    if not fresh:
        return
    await repository.mark(session, fresh)
    await notices.raise_notice(session, answer_waits(job.claim.conversation_id))
    log.info("deliveries_wait", reason=window.CLOSED, waiting=len(fresh))
