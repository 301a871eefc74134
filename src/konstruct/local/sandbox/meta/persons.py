"""What a person does on the phone, and what the business's app hears of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import MediaFile, Note, Number, Phone
from konstruct.local.sandbox.meta.phones import DAY_S
from konstruct.local.sandbox.meta.post import Happening
from konstruct.local.sandbox.meta.values import Value, media_object, message_value

EDIT_S, DELETE_S = 15 * 60.0, 48 * 3600.0
"""How long after it was sent a message can be changed, and taken back."""
TEXT_MAX = 65_536
"""What a person may write, in characters."""


@dataclass(frozen=True, slots=True)
class Person:
    """A phone in a chat with a business's number."""

    meta: Meta
    phone: Phone
    number: Number

    @property
    def business_id(self) -> str:
        """Return the portfolio of the number."""
        return self.meta.store.businesses.owner(self.number)[1].business_id

    def write(self, text: str, context: str | None = None) -> Note:
        """Write a text. Raises ConflictError for an empty or overlong one."""
        if not text.strip() or len(text) > TEXT_MAX:
            raise ConflictError(f"a message has 1 to {TEXT_MAX} characters")
        return self._say("text", {"body": text}, {"text": {"body": text}}, context)

    def send_file(self, kind: str, file: MediaFile, caption: str, context: str | None = None) -> Note:
        """Send a picture, a video, a document or a voice note that was stored."""
        wire: Value = media_object(file)
        if kind == "document":
            wire["filename"] = file.name
        if kind == "audio":
            wire["voice"] = True
        if caption and kind != "audio":
            wire["caption"] = caption
        return self._say(kind, {**wire, "filename": file.name}, {kind: wire}, context)

    def send_place(self, latitude: float, longitude: float, name: str) -> Note:
        """Send a location."""
        place: Value = {"latitude": latitude, "longitude": longitude} | ({"name": name} if name else {})
        return self._say("location", place, {"location": place})

    def send_card(self, name: str, digits: str) -> Note:
        """Send somebody's contact."""
        phones = [{"phone": f"+{digits}", "wa_id": digits, "type": "CELL"}]
        card = {"name": {"formatted_name": name, "first_name": name}, "phones": phones}
        return self._say("contacts", {"name": name, "cards": [card]}, {"contacts": [card]})

    def send_poll(self) -> Note:
        """Send something that the Cloud API does not carry: the business hears that it was there, and not what it was."""
        details = {"details": "Message type is currently not supported."}
        error = {"code": 131051, "title": "Message type unknown", "message": "Message type unknown", "error_data": details}
        return self._say("unsupported", {}, {"unsupported": {"type": "poll_creation"}, "errors": [error]})

    def press(self, note: Note, choice: str) -> Note:
        """Press a reply button, a row of a list, or a template's button. Raises NotFoundError for one that is not there."""
        kind, chosen = _choice(note, choice)
        if kind == "button":
            wire: Value = {"button": {"payload": chosen["payload"], "text": chosen["text"]}}
            return self._say("button", {"body": chosen["text"]}, wire, note.wamid)
        reply = {name: chosen[name] for name in ("id", "title", "description") if chosen.get(name)}
        return self._say("interactive", {"body": chosen["title"]}, {"interactive": {"type": kind, kind: reply}}, note.wamid)

    def react(self, note: Note, emoji: str) -> None:
        """React to a message of the business; "" takes the reaction back."""
        if not note.from_business:
            raise ConflictError("only the business's messages can be reacted to here")
        self.meta.store.notes.change(note, reaction=emoji)
        wire = {"message_id": note.wamid} | ({"emoji": emoji} if emoji else {})
        self._say("reaction", {"message_id": note.wamid, "emoji": emoji}, {"reaction": wire})

    def edit(self, note: Note, text: str) -> None:
        """Change a text within fifteen minutes. Raises ConflictError."""
        if note.from_business or note.deleted or note.type != "text" or time.time() - note.at > EDIT_S:
            raise ConflictError("this message can no longer be changed")
        if not text.strip() or len(text) > TEXT_MAX:
            raise ConflictError(f"a message has 1 to {TEXT_MAX} characters")
        self.meta.store.notes.change(note, content={"body": text}, edited=True)
        message = {"type": "text", "text": {"body": text}}
        self._say("edit", {}, {"edit": {"original_message_id": note.wamid, "message": message}})

    def delete(self, note: Note) -> None:
        """Take a message back within two days. Raises ConflictError."""
        if note.from_business or note.deleted or time.time() - note.at > DELETE_S:
            raise ConflictError("this message can no longer be deleted")
        self.meta.store.notes.change(note, deleted=True, content={})
        self._say("revoke", {}, {"revoke": {"original_message_id": note.wamid}})

    def message(self, wamid: str) -> Note:
        """Return a message of this chat. Raises NotFoundError."""
        note = self.meta.store.notes.get(wamid)
        if note is None or (note.phone_id, note.phone_number_id) != (self.phone.phone_id, self.number.phone_number_id):
            raise NotFoundError("this message is no longer there")
        return note

    def _say(self, kind: str, content: Value, wire: Mapping[str, Any], context: str | None = None) -> Note:
        store, phone, number = self.meta.store, self.phone, self.number
        chat = store.phones.chat(phone.phone_id, number.phone_number_id)
        if chat.blocked:
            raise ConflictError("you have blocked this business: unblock it to write")
        note = store.notes.add(phone.phone_id, number.phone_number_id, phone.digits, kind, content, context=context)
        # Whoever writes opens the window, whatever it is that they write.
        store.phones.mark(phone.phone_id, number.phone_number_id, window_until=self.meta.now() + DAY_S)
        self.tell("messages", message_value(number, self.business_id, phone, note, dict(wire)), note.wamid)
        return note

    def tell(self, field: str, value: Value, wamid: str = "") -> None:
        """Let the app hear something of this chat."""
        places = (self.phone.phone_id, self.number.phone_number_id, wamid)
        self.meta.post.tell([Happening(self.number.waba_id, field, value, *places)])


def _choice(note: Note, choice: str) -> tuple[str, dict[str, Any]]:
    """Return what was pressed: its kind (button_reply, list_reply, button) and what it is."""
    content = note.content
    if note.type == "template":
        replies = [each for each in content.get("buttons", []) if each["kind"] == "reply"]
        named = [(each["payload"], "button", each) for each in replies]
    elif content.get("kind") == "list":
        rows = [row for section in content["sections"] for row in section["rows"]]
        named = [(row["id"], "list_reply", row) for row in rows]
    else:
        named = [(each["id"], "button_reply", each) for each in content.get("buttons", [])]
    for key, kind, chosen in named:
        if key == choice and note.from_business:
            return kind, chosen
    raise NotFoundError("this can no longer be pressed")
