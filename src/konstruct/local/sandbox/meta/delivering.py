"""What happens to a message that was taken: it is shown on the phone, and statuses tell of it."""

from __future__ import annotations

from collections.abc import Iterable

from konstruct.local.sandbox.meta.calls import Answer
from konstruct.local.sandbox.meta.drafts import MessageDraft
from konstruct.local.sandbox.meta.fields import Obj
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import Note, Number, Phone, Portfolio
from konstruct.local.sandbox.meta.post import Happening
from konstruct.local.sandbox.meta.values import status_value
from konstruct.local.sandbox.meta.wording import words_of

STATUS_S = 0.2
"""How long the first status takes."""


def accept(
    meta: Meta,
    number: Number,
    portfolio: Portfolio,
    phone: Phone,
    draft: MessageDraft,
    kind: str,
    content: Obj,
    category: str,
    fails: int,
) -> Answer:
    """Take a message and return the answer. `fails`: the code of the status `failed` that comes instead of the others."""
    store = meta.store
    if kind == "reaction":
        note = _react(meta, number, phone, draft, content)
    else:
        note = store.notes.add(
            phone.phone_id,
            number.phone_number_id,
            phone.digits,
            kind,
            content,
            from_business=True,
            context=draft.context,
            opaque=draft.opaque,
            category=category,
        )
    store.phones.mark(phone.phone_id, number.phone_number_id, typing_until=0.0)
    note_details = {"opaque": draft.opaque, "type": kind, "template": content.get("template")}
    meta.sandbox.records.add_accepted(
        "POST /messages", number.phone_number_id, phone.digits, None, note.wamid, words_of(kind, content), note_details
    )
    if fails:
        store.notes.change(note, state="failed")
        _tell(meta, number, portfolio, phone, note, ("failed",), fails)
    else:
        blocked = store.phones.chat(phone.phone_id, number.phone_number_id).blocked
        _climb(meta, note, ("sent",) if blocked else ("sent", "delivered"))
        _tell(meta, number, portfolio, phone, note, ("sent",) if blocked else ("sent", "delivered"))
    shown = {"wa_id": phone.digits} if draft.to else {"user_id": phone.user_id(portfolio.business_id)}
    return {
        "messaging_product": "whatsapp",
        "contacts": [{"input": draft.to or draft.recipient, **shown}],
        "messages": [{"id": note.wamid, "message_status": "accepted"}],
    }


def read(meta: Meta, number: Number, phone: Phone) -> None:
    """The person has seen what the business wrote, and lets it know unless receipts are off."""
    _, portfolio = meta.store.businesses.owner(number)
    seen = meta.store.notes.unread(phone.phone_id, number.phone_number_id)
    receipts = meta.sandbox.control.switches().whatsapp_receipts
    for note in seen:
        if meta.store.notes.climb(note, "read") and receipts:
            _tell(meta, number, portfolio, phone, note, ("read",))


def _react(meta: Meta, number: Number, phone: Phone, draft: MessageDraft, content: Obj) -> Note:
    """A reaction is no message on the phone: it stands at the one that it is about. It has an id and statuses all the same."""
    target = meta.store.notes.get(content["message_id"])
    assert target is not None, "it was looked for before"
    meta.store.notes.change(target, reaction=content["emoji"])
    return meta.store.notes.add(
        phone.phone_id, number.phone_number_id, phone.digits, "reaction", content, from_business=True, opaque=draft.opaque
    )


def _climb(meta: Meta, note: Note, states: Iterable[str]) -> None:
    for state in states:
        meta.store.notes.climb(note, state)  # type: ignore[arg-type]  # the two words above


def _tell(
    meta: Meta, number: Number, portfolio: Portfolio, phone: Phone, note: Note, states: tuple[str, ...], code: int = 0
) -> None:
    ai = meta.sandbox.control.switches().whatsapp_ai_prices
    values = [status_value(number, portfolio.business_id, phone, note, state, ai=ai, code=code) for state in states]
    places = (phone.phone_id, number.phone_number_id, note.wamid)
    meta.post.tell([Happening(number.waba_id, "messages", value, *places) for value in values], wait_s=STATUS_S)
