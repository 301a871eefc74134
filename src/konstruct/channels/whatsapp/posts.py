"""A post as the body of `POST /{phone}/messages`. Pure."""

from __future__ import annotations

import re
from typing import Any

from konstruct.channels.port import Capabilities, Post, Target
from konstruct.channels.whatsapp import interactive
from konstruct.conversations.template_use import TemplateUse

_DIGITS = re.compile(r"[0-9]{5,20}")
_BUSINESS_SCOPED = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}")
FILE_NAME = "answer.txt"
"""Of an answer as a document: text is what every phone opens."""
CAPTION = "Here is the whole answer."


def body(post: Post, caps: Capabilities, media_id: str | None = None) -> dict[str, Any]:
    """Return what shows `post`. `media_id`: the document that was uploaded for it, of the form "file"."""
    if post.form == "template" and post.template is not None:
        content = _template(post.template)
    elif media_id is not None:
        document = {"id": media_id, "filename": FILE_NAME, "caption": CAPTION}
        content = {"type": "document", "document": document}
    else:
        content = interactive.content(post.text, post.buttons, caps)
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient(post.target),
        **content,
        # Comes back with every status: the proof of a send whose answer was lost.
        "biz_opaque_callback_data": str(post.delivery_id),
    }


def recipient(target: Target) -> dict[str, str]:
    """Return who the message goes to, by the ids that are known: the phone number wins at Meta where both are given.

    Of several numbers nobody knows which one is still theirs: then the business-scoped id alone counts.
    """
    known = [target.channel_id, *sorted(target.aliases - {target.channel_id})]
    numbers = [each for each in known if _DIGITS.fullmatch(each)]
    scoped = next((each for each in known if _BUSINESS_SCOPED.fullmatch(each)), None)
    found: dict[str, str] = {}
    if numbers and (scoped is None or len(numbers) == 1 or numbers[0] == target.channel_id):
        found["to"] = numbers[0]
    if scoped is not None:
        found["recipient"] = scoped
    return found or {"to": target.channel_id}


def read(message_id: str, *, typing: bool) -> dict[str, Any]:
    """Return what marks a message as read, and shows (`typing`) that an answer is being written."""
    said = {"messaging_product": "whatsapp", "status": "read", "message_id": message_id}
    return {**said, "typing_indicator": {"type": "text"}} if typing else said


def _template(use: TemplateUse) -> dict[str, Any]:
    components: list[dict[str, Any]] = []
    for kind, values, names in (("header", use.header, use.header_names), ("body", use.body, use.body_names)):
        if values:
            components.append({"type": kind, "parameters": _parameters(values, names)})
    components += (
        {"type": "button", "sub_type": "url", "index": str(index), "parameters": _parameters((value,), ())}
        for index, value in use.buttons
    )
    template: dict[str, Any] = {"name": use.name, "language": {"code": use.language}}
    return {"type": "template", "template": template | ({"components": components} if components else {})}


def _parameters(values: tuple[str, ...], names: tuple[str, ...]) -> list[dict[str, str]]:
    if not names:
        return [{"type": "text", "text": value} for value in values]
    return [{"type": "text", "parameter_name": name, "text": value} for name, value in zip(names, values, strict=True)]
