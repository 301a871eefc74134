"""A delivery's row as the adapter gets it, and what is said in its place."""

from __future__ import annotations

from konstruct.channels.deliveries_repository import Delivery, Sender
from konstruct.channels.delivery_job import Job
from konstruct.channels.port import Post, Target
from konstruct.conversations.outbox import Reply
from konstruct.conversations.part import Part, stored

LIFETIME_S = 24 * 3600.0
"""An answer that could not be shown for so long helps nobody: it becomes a dead letter."""
OUTREACH_LIFETIME_S = 72 * 3600.0
"""What a business wanted to tell somebody first waits longer for its turn: for three times the provider's day."""
NOT_SHOWN = (
    "Sorry, I have an answer, but it could not be shown here, or only its beginning."
    " Please ask me again, perhaps in smaller pieces."
)
"""Said in the place of words that the channel refuses."""


def lifetime_s(delivery: Delivery) -> float:
    """Return how old a delivery may become before it helps nobody any more."""
    return OUTREACH_LIFETIME_S if delivery.kind == "outreach" else LIFETIME_S


def post_of(delivery: Delivery, sender: Sender) -> Post:
    """Return a delivery as its adapter sends it."""
    part = stored(delivery.body, delivery.form, delivery.extras)
    target = Target(delivery.channel_id, delivery.thread_id, sender.participants, sender.aliases)
    held = (delivery.reason or "", delivery.held)
    return Post(delivery.id, target, part.text, part.form, part.buttons, part.feedback, part.template, held)


def in_place_of(delivery: Delivery, job: Job, parts: list[Part]) -> Reply:
    """Return the fallback for a refused delivery. Made under the same ownership: a takeover cancels it as well."""
    return Reply(
        conversation_id=job.claim.conversation_id,
        account_id=job.sender.account_id,
        channel_id=delivery.channel_id,
        thread_id=delivery.thread_id,
        owner_epoch=delivery.owner_epoch,
        kind="fallback",
        text=NOT_SHOWN,
        parts=parts,
    )
