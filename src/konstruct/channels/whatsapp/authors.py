"""Who a delivery is about: Meta knows a person by an id of the business's own, by a phone number, or by both. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.payload import Payload

NAME_MAX = 200


@dataclass(frozen=True, slots=True)
class Author:
    """A person. `ids`: what they are called, the one to call them by first."""

    ids: tuple[str, ...]
    name: str | None = field(default=None, repr=False)
    contact: Payload | None = field(default=None, repr=False)
    """What the delivery says of them besides."""

    @property
    def id(self) -> str:
        """The one to call them by: Meta's own id, where it is known. A phone number may become somebody else's."""
        return self.ids[0]

    @property
    def aliases(self) -> tuple[str, ...]:
        """The others."""
        return self.ids[1:]


class Contacts:
    """What a change says of the people in it, found by any of their ids."""

    def __init__(self, value: Payload) -> None:
        self._contacts = payload.items(value, "contacts")
        self._by_id: dict[str, Payload] = {}
        for contact in self._contacts:
            for name in ("user_id", "parent_user_id", "wa_id"):
                if (known := payload.person(contact, name)) is not None:
                    self._by_id.setdefault(known, contact)

    def author(self, item: Payload, *, own: str, parent: str, phone: str, alone: bool) -> Author | None:
        """Return the person whom `item` names in these fields, or None if it names nobody.

        Of many contacts the author's is found by an id. Where there is one contact and one item (`alone`), the two belong
        together even if the phone numbers differ, as they do in some countries; but never with two ids of Meta's own.
        """
        named = [payload.person(item, name) for name in (own, phone, parent)]
        said = next((self._by_id[known] for known in named if known in self._by_id), None)
        if said is None and alone and len(self._contacts) == 1:
            only = self._contacts[0]
            said = only if None in (named[0], payload.person(only, "user_id")) else None
        contact = said or {}
        ids = (
            named[0] or payload.person(contact, "user_id"),
            named[1],
            payload.person(contact, "wa_id"),
            named[2] or payload.person(contact, "parent_user_id"),
        )
        known_ids = tuple(dict.fromkeys(each for each in ids if each is not None))
        return Author(known_ids, _name(contact), said) if known_ids else None


def _name(contact: Payload) -> str | None:
    profile = payload.mapping(contact, "profile")
    for name in ("name", "username"):
        if shown := payload.text(profile, name, NAME_MAX).strip():
            return shown
    return None
