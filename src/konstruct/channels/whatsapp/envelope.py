"""What surrounds everything that Meta delivers: entries of business accounts, with changes of fields. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.payload import Payload

OBJECT = "whatsapp_business_account"


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one field."""

    field: str
    business: str | None
    """The id of the business account that the entry is about."""
    at: int | None
    """When Meta told it, Unix seconds."""
    value: Payload = dataclass_field(repr=False)
    around: Payload = dataclass_field(repr=False)
    """The entry without its changes."""

    @property
    def number(self) -> str | None:
        """The id of the number that it is for, None where it is about a whole business account."""
        return payload.person(payload.mapping(self.value, "metadata"), "phone_number_id")

    @property
    def display(self) -> str:
        """The digits of the number."""
        shown = payload.text(payload.mapping(self.value, "metadata"), "display_phone_number", 40)
        return "".join(char for char in shown if char.isascii() and char.isdigit())

    def names(self, key: str) -> dict[str, Any]:
        """Return what an event of the number bears, `key` being what names it there."""
        number = self.number
        assert number is not None
        return {"account_key": number, "app_id": None, "event_key": f"whatsapp:{number}:{key}"}

    def business_names(self, business: str) -> dict[str, Any]:
        """Return what an event of a whole business account bears. Meta gives it no id: it is what it says, and when."""
        said = hashlib.sha256(payload.dump({"field": self.field, "value": self.value})).hexdigest()[:40]
        key = f"whatsapp:{business}:{self.field[:60]}:{self.at or 0}:{said}"
        return {"account_key": business, "app_id": None, "event_key": key}

    def alone(self, name: str, item: Payload, contacts: list[Payload]) -> bytes:
        """Return the delivery that would have brought this item of the list `name` alone, with these contacts."""
        kept = {key: each for key, each in self.value.items() if not isinstance(each, list)}
        if contacts:
            kept["contacts"] = contacts
        return self._delivery(kept | {name: [item]})

    def whole(self) -> bytes:
        """Return the delivery that would have brought this change alone."""
        return self._delivery(self.value)

    def _delivery(self, value: Payload) -> bytes:
        entry = self.around | {"changes": [{"field": self.field, "value": value}]}
        return payload.dump({"object": OBJECT, "entry": [entry]})


def changes(data: Payload) -> Iterator[Change]:
    """Yield the changes of a delivery. Raises ValueError, without content, for what is not in Meta's form."""
    if data.get("object") != OBJECT or not isinstance(data.get("entry"), list):
        raise ValueError("it is no delivery of a WhatsApp business account")
    for entry in payload.items(data, "entry"):
        around = {key: each for key, each in entry.items() if key != "changes"}
        business, at = payload.person(entry, "id"), payload.seconds(entry, "time")
        for change in payload.items(entry, "changes"):
            yield Change(
                payload.text(change, "field", 100),
                business,
                at if at is not None else payload.seconds(change, "time"),
                payload.mapping(change, "value"),
                around,
            )
