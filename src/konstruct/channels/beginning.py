"""The beginning of a send: whatever has to hold when the call is made is looked at in the transaction that commits to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from konstruct.channels import deliveries_repository as repository
from konstruct.channels import waiting_repository, window
from konstruct.channels.deliveries_repository import Delivery
from konstruct.channels.delivery_job import Job
from konstruct.channels.delivery_post import post_of
from konstruct.channels.outreach import checks
from konstruct.channels.outreach.check import Outreach, Refused, Waits
from konstruct.channels.pacing import Pacing
from konstruct.channels.waiting_repository import NO_WINDOW, Window
from konstruct.conversations.consent import consents_repository
from konstruct.db.session import TenantSession


class Objection(Exception):  # noqa: N818  # control flow of one send, not an error
    """Rolls back the beginning of a send: the business may not write first, or not now."""

    def __init__(self, verdict: Refused | Waits) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class Begun:
    """How the beginning came out."""

    refused: str | None
    """Why the delivery may not go out (any more); None: it is committed to."""
    deadline: float = 0.0
    """Until when the call may be made, on the monotonic clock."""
    window: Window = NO_WINDOW
    """The reply window that was seen to be open, of a free text."""


async def begin(session: TenantSession, job: Job, delivery: Delivery, window_s: float, pacing: Pacing) -> Begun:
    """Commit to a send that must start within `window_s`. Raises Objection and Paced, which undo it."""
    # The window runs from here, not from the wait for a connection; the database's runs from a little later.
    deadline = time.monotonic() + window_s
    kept = await _kept(session, job, delivery)
    refused = None if kept.left_s is None else window.closed(job.adapter.caps, None, kept.left_s)
    if delivery.form == "template" and job.sender.contact_id is not None:
        await consents_repository.hold(session, job.sender.contact_id)
    if refused is None:
        refused = await repository.start_sending(session, job.claim, delivery.id, window_s)
    if refused is None:
        if delivery.form == "template":
            await _check(session, job, delivery)
        await pacing.begin(session, job)
    return Begun(refused, deadline, kept)


async def _check(session: TenantSession, job: Job, delivery: Delivery) -> None:
    """Raise Objection if something is against a message with which the business writes first."""
    use, contact_id = post_of(delivery, job.sender).template, job.sender.contact_id
    if use is None or contact_id is None:
        raise Objection(Refused("no_contact"))
    wanted = Outreach(job.sender.account_id, contact_id, (use.name, use.language), "sending", delivery.id)
    if (verdict := await checks.verdict(session, wanted)) is not None:
        raise Objection(verdict)


async def _kept(session: TenantSession, job: Job, delivery: Delivery) -> Window:
    """Return the window that is kept of the contact, in the transaction that begins the send; of a template, none."""
    if delivery.form == "template" or job.sender.contact_id is None:
        return NO_WINDOW
    return await waiting_repository.look(session, job.sender.contact_id)
