"""What Meta's webhooks say: the `value` of a change."""

from __future__ import annotations

import base64
import time
from typing import Any

from konstruct.local.sandbox.meta.errors import ERRORS
from konstruct.local.sandbox.meta.model import MediaFile, Note, Number, Phone

Value = dict[str, Any]
_ERRORS_PAGE = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


def stamp(at: float | None = None) -> str:
    """Return a time as webhooks write it: real Unix seconds, as text."""
    return str(int(time.time() if at is None else at))


def frame(number: Number) -> Value:
    """Return what stands in every value about a number."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number.digits, "phone_number_id": number.phone_number_id},
    }


def ids(phone: Phone, business_id: str, *names: str) -> Value:
    """Return a person's ids under two names: the number's (left out where it is hidden) and the business-scoped one's."""
    number_name, id_name = names
    shown = {number_name: phone.digits} if phone.shows_number else {}
    return {**shown, id_name: phone.user_id(business_id)}


def contact(phone: Phone, business_id: str) -> Value:
    """Return an entry of `contacts`."""
    profile = {"name": phone.name} | ({"username": phone.username} if phone.username else {})
    return {"profile": profile, **ids(phone, business_id, "wa_id", "user_id")}


def message_value(number: Number, business_id: str, phone: Phone, note: Note, content: Value) -> Value:
    """Return the value for a message of a person; `content` is what stands under its type."""
    message: Value = {
        **ids(phone, business_id, "from", "from_user_id"),
        "id": note.wamid,
        "timestamp": stamp(note.at),
        "type": note.type,
        **content,
    }
    if note.context:
        message["context"] = {"from": number.digits, "id": note.context}
    if note.forwarded:
        message["context"] = {**message.get("context", {}), "forwarded": True}
    return {**frame(number), "contacts": [contact(phone, business_id)], "messages": [message]}


def media_object(file: MediaFile, **more: Any) -> Value:
    """Return the object of a picture, a document or a voice note in a message."""
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    return {"mime_type": file.mime_type, "sha256": digest, "id": file.media_id, **more}


def status_value(number: Number, business_id: str, phone: Phone, note: Note, status: str, *, ai: bool, code: int = 0) -> Value:
    """Return the value for a status of a business's message. `ai`: it is priced as an AI provider's; `code`: why it failed."""
    entry: Value = {
        "id": note.wamid,
        "status": status,
        "timestamp": stamp(),
        **ids(phone, business_id, "recipient_id", "recipient_user_id"),
    }
    if status in ("sent", "delivered"):
        category = "general_purpose_ai" if ai else note.category
        entry["pricing"] = {"billable": note.billed, "pricing_model": "PMP", "category": category, "type": "regular"}
    if note.opaque is not None:
        entry["biz_opaque_callback_data"] = note.opaque
    if code:
        entry["errors"] = [error_entry(code)]
    seen = {"contacts": [contact(phone, business_id)]} if status != "failed" else {}
    return {**frame(number), **seen, "statuses": [entry]}


def error_entry(code: int) -> Value:
    """Return an error as webhooks name it."""
    known = ERRORS.get(code, ERRORS[1])
    return {
        "code": code,
        "title": known.title,
        "message": known.title,
        "error_data": {"details": known.details},
        "href": _ERRORS_PAGE,
    }
