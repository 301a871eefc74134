"""`POST /{phone}/messages`: what Meta refuses, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.local.sandbox.meta.application import MESSAGING
from konstruct.local.sandbox.meta.calls import Answer, GraphCall
from konstruct.local.sandbox.meta.contents import MEDIA
from konstruct.local.sandbox.meta.delivering import accept
from konstruct.local.sandbox.meta.drafts import MessageDraft, read_draft
from konstruct.local.sandbox.meta.errors import GraphError, invalid
from konstruct.local.sandbox.meta.fields import Fields, Obj
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import Number, Phone, Portfolio
from konstruct.local.sandbox.meta.template_forms import fill

TYPING_S = 25.0
"""How long "is typing" shows."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A message that will be taken."""

    type: str
    content: Obj
    category: str = "service"


def messages(call: GraphCall, fails: int = 0) -> Answer:
    """Answer the call. `fails`: the message is accepted, and a status says later that it failed with this code."""
    number = call.number(scope=MESSAGING)
    if call.values.get("status") is not None:
        return _read(call, number)
    meta, draft = call.meta, read_draft(call.values)
    _, portfolio = meta.store.businesses.owner(number)
    if number.pin is None or number.status in ("PENDING", "DISCONNECTED"):
        raise GraphError(133010)
    if number.status == "BANNED":
        raise GraphError(131031)
    if number.name_status not in ("APPROVED", "AVAILABLE_WITHOUT_REVIEW", "NONE"):
        raise GraphError(131037)
    phone = _phone(meta, number, portfolio, draft)
    checked = _checked(meta, number, draft)
    late = meta.sandbox.control.switches().whatsapp_late_refusals
    try:
        _reachable(meta, number, portfolio, phone, draft, checked)
    except GraphError as error:
        if not (error.later and late and phone is not None):
            raise
        fails = error.code
    assert phone is not None, "an unknown person is refused above"
    meta.pace.take(number.phone_number_id, number.throughput, phone.phone_id)
    return accept(meta, number, portfolio, phone, draft, checked.type, checked.content, checked.category, fails)


def _read(call: GraphCall, number: Number) -> Answer:
    fields = Fields(call.values, "", "messaging_product status message_id typing_indicator")
    fields.one_of("messaging_product", "whatsapp")
    fields.one_of("status", "read")
    store, note = call.meta.store, call.meta.store.notes.get(fields.text("message_id", 500))
    if note is None or note.from_business or note.phone_number_id != number.phone_number_id:
        raise GraphError(131009, "Param message_id is not a message that this number received.")
    if call.values.get("typing_indicator") is not None:
        fields.object("typing_indicator", "type").one_of("type", "text")
        store.phones.mark(note.phone_id, number.phone_number_id, typing_until=call.meta.now() + TYPING_S)
        store.notes.touch(note.phone_id, number.phone_number_id)
    for each in store.notes.chat(note.phone_id, number.phone_number_id):
        if not each.from_business and each.id <= note.id:
            store.notes.climb(each, "read")
    return {"success": True}


def _phone(meta: Meta, number: Number, portfolio: Portfolio, draft: MessageDraft) -> Phone | None:
    """Return who is written to: the number wins where both are given."""
    if draft.to == number.digits:
        raise GraphError(131021)
    if draft.to:
        return meta.store.phones.by_digits(draft.to)
    return meta.store.phones.by_user_id(portfolio.business_id, draft.recipient)


def _checked(meta: Meta, number: Number, draft: MessageDraft) -> Checked:
    """Return what will be shown. Raises GraphError for an unknown file or message, and 132xxx for a template."""
    if draft.template is None:
        if media_id := draft.content.get("id") if draft.type in MEDIA else None:
            _check_file(meta, number, draft.type, str(media_id))
        return Checked(draft.type, draft.content)
    account, _ = meta.store.businesses.owner(number)
    template = meta.store.templates.find(account.waba_id, draft.template.name, draft.template.language)
    if template is None or template.status in ("PENDING", "REJECTED", "IN_APPEAL", "PENDING_DELETION"):
        words = f"template name ({draft.template.name}) does not exist in {draft.template.language}"
        raise GraphError(132001, words)
    if template.status in ("PAUSED", "DISABLED"):
        raise GraphError(132015 if template.status == "PAUSED" else 132016)
    content = fill(template, draft.template)
    if (media := content["media"]) and media.get("id"):
        _check_file(meta, number, media["form"], media["id"])
    if template.category == "AUTHENTICATION" and not draft.to:
        raise GraphError(131062)
    return Checked("template", content, template.category.lower())


def _check_file(meta: Meta, number: Number, kind: str, media_id: str) -> None:
    file = meta.store.media.get(media_id)
    if file is None or file.phone_number_id != number.phone_number_id:
        raise GraphError(131053, f"Media ID {media_id} is unknown, or belongs to another number.")
    most, kinds = MEDIA[kind]
    if file.mime_type.partition(";")[0] not in kinds:
        raise invalid(f"{kind}['id']", f"is a file of type {file.mime_type}, which a message of type {kind} does not take.")
    if file.size > most:
        raise GraphError(131053, f"{kind}: {file.size} bytes are more than {most}.")


def _reachable(
    meta: Meta, number: Number, portfolio: Portfolio, phone: Phone | None, draft: MessageDraft, checked: Checked
) -> None:
    """Raises GraphError for a person who is unknown, has stopped marketing, or may not be written to now."""
    if phone is None:
        raise GraphError(131026, later=True)
    chat = meta.store.phones.chat(phone.phone_id, number.phone_number_id)
    for wamid in filter(None, (draft.context, checked.content.get("message_id") if checked.type == "reaction" else None)):
        quoted = meta.store.notes.get(wamid)
        if quoted is None or (quoted.phone_id, quoted.phone_number_id) != (phone.phone_id, number.phone_number_id):
            raise invalid("message_id", "is not a message of this conversation.")
    open_window = chat.window_until > meta.now()
    if draft.template is None:
        if not open_window:
            raise GraphError(131047, later=True)
        return
    if chat.marketing_stopped and checked.category == "marketing":
        raise GraphError(131050, later=True)
    if open_window:
        return
    if number.status == "RESTRICTED":
        raise GraphError(368)
    if number.status == "RATE_LIMITED":
        raise GraphError(131048)
    if not meta.store.phones.count_first(portfolio.business_id, phone.phone_id, meta.now(), portfolio.tier):
        raise GraphError(131064)
