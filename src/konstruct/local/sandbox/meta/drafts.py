"""`POST /{phone}/messages`: the body of a message, checked before anything else is looked at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from konstruct.local.sandbox.meta.contents import CHECKS, OPAQUE_MAX, check_content
from konstruct.local.sandbox.meta.errors import invalid, missing
from konstruct.local.sandbox.meta.fields import Fields, Obj
from konstruct.local.sandbox.meta.template_forms import TemplateCall, read_call

_FRAME = "messaging_product recipient_type to recipient type context biz_opaque_callback_data"
_ALLOWED = f"{_FRAME} contacts template {' '.join(CHECKS)}"


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A message that has the right form. For a template, `content` comes later."""

    type: str
    content: Obj
    to: str
    recipient: str
    context: str | None
    opaque: str | None = field(repr=False)
    template: TemplateCall | None = None


def read_draft(values: dict[str, Any]) -> MessageDraft:
    """Return what a body says. Raises GraphError."""
    fields = Fields(values, "", _ALLOWED)
    fields.one_of("messaging_product", "whatsapp")
    if "recipient_type" in values:
        fields.one_of("recipient_type", "individual")
    to = "".join(char for char in fields.text("to", 40, optional=True) if char.isdigit())
    recipient = fields.text("recipient", 150, optional=True)
    if not to and not recipient:
        raise missing("to")
    kind = fields.text("type", 40, optional=True) or "text"
    if others := sorted(name for name in (*CHECKS, "contacts", "template") if name in values and name != kind):
        raise invalid(others[0], f"does not belong to a message of type {kind}.")
    template = read_call(values) if kind == "template" else None
    content = {} if template else check_content(kind, values)
    return MessageDraft(kind, content, to, recipient, _context(fields), _opaque(fields), template)


def _context(fields: Fields) -> str | None:
    if fields.value.get("context") is None:
        return None
    return fields.object("context", "message_id").text("message_id", 500)


def _opaque(fields: Fields) -> str | None:
    return fields.text("biz_opaque_callback_data", OPAQUE_MAX, optional=True) or None
