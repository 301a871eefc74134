"""The fake Graph API's `POST /{phone}/messages`: what it takes, and what it refuses as Meta does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support import fake_meta_interactive, fake_meta_templates
from tests.support.fake_meta_errors import Reply, invalid, refuse
from tests.support.fake_meta_numbers import owned

if TYPE_CHECKING:
    from tests.support.fake_meta import Call, FakeMeta, Number, Person

TEXT_MAX = 4096
CAPTION_MAX = 1024
OPAQUE_MAX = 512
WINDOW_S = 24 * 3600.0
PAIR_S = 6.0
BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")
_COMMON = {"messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"}


def answer(meta: FakeMeta, call: Call) -> Reply | None:
    """Show a message, or mark one as read; None for anything else."""
    if call.verb != "POST" or len(call.path) != 2 or call.path[1] != "messages":
        return None
    number, body = owned(meta, call, call.path[0]), call.body
    if body.get("messaging_product") != "whatsapp":
        raise invalid("Param messaging_product must be whatsapp")
    if "status" in body:
        return _read(meta, number, body)
    kind = body.get("type", "text")
    if unknown := set(body) - _COMMON - {kind}:
        raise invalid(f"Unexpected key {sorted(unknown)[0]!r}")
    if body.get("recipient_type", "individual") != "individual":
        raise invalid("Param recipient_type must be individual")
    person = _person(meta, body)
    _check_opaque(body)
    _check_context(meta, number, body)
    content = body.get(kind)
    if not isinstance(content, dict):
        raise invalid(f"Param {kind} is required")
    _check_content(meta, number, kind, content)
    _check_window(meta, number, person, kind)
    _check_rates(meta, number, person)
    wamid = meta.next_wamid()
    meta.messages.append({**body, "id": wamid, "phone_id": number.phone_id, "person": person.digits, "at": meta.now()})
    contact = {"input": body.get("to") or body["recipient"], "wa_id": person.digits}
    if person.user_id is not None:
        contact["user_id"] = person.user_id
    message = {"id": wamid, "message_status": "accepted"} if kind == "template" else {"id": wamid}
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}


def _read(meta: FakeMeta, number: Number, body: dict[str, Any]) -> Reply:
    if unknown := set(body) - {"messaging_product", "status", "message_id", "typing_indicator"}:
        raise invalid(f"Unexpected key {sorted(unknown)[0]!r}")
    if body["status"] != "read" or body.get("typing_indicator", {"type": "text"}) != {"type": "text"}:
        raise invalid("Param status must be read")
    heard = meta.heard_ids.get(str(body.get("message_id")))
    if heard is None or heard[0] != number.phone_id:
        raise refuse(131009, "Parameter value is not valid", details="Message ID is invalid")
    meta.signs.append({**body, "phone_id": number.phone_id, "person": heard[1], "at": meta.now()})
    return {"success": True}


def _person(meta: FakeMeta, body: dict[str, Any]) -> Person:
    to, recipient = body.get("to"), body.get("recipient")
    if to is None and recipient is None:
        raise refuse(131008, "Required parameter is missing", details="Parameter 'to' or 'recipient' is mandatory")
    if to is not None and not (isinstance(to, str) and re.fullmatch(r"\+?\d{5,20}", to)):
        raise invalid("Param to is not a phone number")
    if recipient is not None and not (isinstance(recipient, str) and BSUID.fullmatch(recipient)):
        raise invalid("Param recipient is not a business-scoped user id")
    person = meta.person(to.lstrip("+") if to else recipient)
    if person is None:
        meta.violations.append("nobody")
        raise refuse(131026, "Message undeliverable")
    return person


def _check_opaque(body: dict[str, Any]) -> None:
    opaque = body.get("biz_opaque_callback_data", "")
    if not isinstance(opaque, str) or len(opaque) > OPAQUE_MAX:
        raise invalid("Param biz_opaque_callback_data must be text of at most 512 characters")


def _check_context(meta: FakeMeta, number: Number, body: dict[str, Any]) -> None:
    if "context" not in body:
        return
    context = body["context"]
    if not isinstance(context, dict) or set(context) != {"message_id"}:
        raise invalid("Param context must hold message_id")
    known = {each["id"] for each in meta.messages if each["phone_id"] == number.phone_id}
    if context["message_id"] not in known and meta.heard_ids.get(context["message_id"], ("",))[0] != number.phone_id:
        raise refuse(131009, "Parameter value is not valid", details="Message ID is invalid")


def _check_content(meta: FakeMeta, number: Number, kind: str, content: dict[str, Any]) -> None:
    match kind:
        case "text":
            _check_text(content)
        case "interactive":
            fake_meta_interactive.check(content)
        case "template":
            fake_meta_templates.check(meta, number.waba_id, content)
        case "document":
            _check_document(meta, number, content)
        case _:
            raise refuse(131051, "Unsupported message type")


def _check_text(content: dict[str, Any]) -> None:
    if not set(content) <= {"body", "preview_url"} or not isinstance(content.get("preview_url", False), bool):
        raise invalid("Param text has an unexpected key")
    text = content.get("body")
    if not isinstance(text, str) or not text.strip():
        raise invalid("Param text['body'] must be a non-empty string")
    if len(text) > TEXT_MAX:
        raise invalid("Param text['body'] must be at most 4096 characters long")


def _check_document(meta: FakeMeta, number: Number, content: dict[str, Any]) -> None:
    if not set(content) <= {"id", "filename", "caption"} or "id" not in content:
        raise invalid("Param document needs an id")
    if len(content.get("caption", "")) > CAPTION_MAX:
        raise invalid("Param document['caption'] must be at most 1024 characters long")
    kept = meta.media.known.get(str(content["id"]))
    if kept is None or kept.phone_id != number.phone_id:
        raise refuse(131053, "Media upload error", details="Media id is not known")


def _check_window(meta: FakeMeta, number: Number, person: Person, kind: str) -> None:
    heard = meta.heard.get((number.phone_id, person.digits))
    if kind != "template" and (heard is None or meta.now() - heard > WINDOW_S):
        meta.violations.append("window")
        raise refuse(
            131047,
            "Re-engagement message",
            details="Message failed to send because more than 24 hours have passed since the customer last replied",
        )


def _check_rates(meta: FakeMeta, number: Number, person: Person) -> None:
    now = meta.now()
    own = [each for each in meta.messages if each["phone_id"] == number.phone_id]
    if sum(each["at"] > now - 1.0 for each in own) >= meta.per_second:
        meta.violations.append("throughput")
        raise refuse(130429, "Rate limit hit", details="Cloud API message throughput has been reached")
    # Each message takes six seconds of the pair's time; a burst borrows them from what follows.
    taken = 0.0
    for each in own:
        if each["person"] == person.digits:
            taken = max(taken, each["at"]) + PAIR_S
    if taken - now > PAIR_S * (meta.pair_burst - 1):
        meta.violations.append("pair")
        raise refuse(131056, "(Business Account, Consumer Account) pair rate limit hit")
