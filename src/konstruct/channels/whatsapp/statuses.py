"""What became of our messages, as Meta tells it: sent, delivered, read, played or failed, and what that costs. Pure."""

from __future__ import annotations

from typing import Literal

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_events import Receipt
from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.authors import Author
from konstruct.channels.whatsapp.envelope import Change
from konstruct.channels.whatsapp.payload import Payload

State = Literal["sent", "delivered", "read", "played", "failed"]
_STATES: dict[str, State] = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "played", "failed": "failed"}
_REASON_MAX = 200


def read(change: Change, author: Author | None, status: Payload) -> Inbound:
    """Return the receipt that one entry of `statuses` is, or why it is none: a state of tomorrow, of a call, of a group.

    `author`: whom the message went to.
    """
    wamid, state = payload.identifier(status, "id"), _STATES.get(payload.text(status, "status", 40))
    if wamid is None or state is None or author is None:
        return Ignored("a status without work for us")
    if payload.text(status, "recipient_type", 40) == "group":
        return Ignored("a status of a group")
    pricing = payload.mapping(status, "pricing")
    billable = pricing.get("billable")
    ours = payload.text(status, "biz_opaque_callback_data", 600)
    return Receipt(
        # Meta gives a status no id: it is the message's, and each state of a message comes once.
        **change.names(f"status:{wamid}:{state}"),
        channel_id=author.id,
        external_id=wamid,
        state=state,
        delivery=ours if len(ours) == 36 else None,
        reason=_reason(status) if state == "failed" else None,
        charged_as=payload.word(pricing, "category"),
        billable=billable if isinstance(billable, bool) else None,
        charge_type=payload.word(pricing, "type"),
        at=float(payload.seconds(status, "timestamp") or change.at or 0),
    )


def _reason(status: Payload) -> str | None:
    """Return Meta's code for why it failed, and its words for it."""
    for error in payload.items(status, "errors"):
        code = payload.number(error, "code")
        said = " ".join((payload.text(error, "title", 300) or payload.text(error, "message", 300)).split())
        found = f"{'' if code is None else code} {said}".strip()
        if found:
            return found[:_REASON_MAX]
    return None
