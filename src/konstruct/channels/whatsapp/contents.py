"""What a message says in words: people send places, cards and orders, and the employee reads text. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.payload import Payload

TEXT_MAX = 65_536
"""Characters of one message that are kept: a person's have 4,096 at most."""
_LINE = 500
_CARDS = 20
_NUMBERS = 5
_GOODS = 50
UNREADABLE = "(A message of a kind that WhatsApp does not hand on to businesses: it can be seen on the phone only.)"


def body(message: Payload) -> str:
    """Return the words of a text."""
    return payload.text(payload.mapping(message, "text"), "body", TEXT_MAX)


def choice(message: Payload) -> str:
    """Return what somebody chose, as the button or the line of the list says it."""
    chosen = payload.mapping(message, "interactive")
    for kind in ("button_reply", "list_reply"):
        reply = payload.mapping(chosen, kind)
        if title := payload.text(reply, "title", _LINE):
            return title
    return _form(payload.mapping(chosen, "nfm_reply"))


def choice_id(message: Payload) -> str:
    """Return the id that we gave what somebody chose; "" where it has none."""
    chosen = payload.mapping(message, "interactive")
    return next(
        (found for kind in ("button_reply", "list_reply") if (found := payload.text(payload.mapping(chosen, kind), "id", 256))),
        "",
    )


def quick_reply(message: Payload) -> str:
    """Return what the pressed button of a template says: it is the person's own word."""
    button = payload.mapping(message, "button")
    return payload.text(button, "text", _LINE) or payload.text(button, "payload", _LINE)


def location(message: Payload) -> str:
    """Return a place: its name, its address, where it is."""
    place = payload.mapping(message, "location")
    named = [_line(place, name) for name in ("name", "address", "url")]
    found = [_number(place.get(name)) for name in ("latitude", "longitude")]
    where = f"{found[0]}, {found[1]}" if None not in found else ""
    return _sentence("Location", [*named[:2], where, named[2]])


def cards(message: Payload) -> str:
    """Return the people whose cards were sent, a line each."""
    return "\n".join(_card(card) for card in payload.items(message, "contacts")[:_CARDS]) or "(Contact: empty)"


def order(message: Payload) -> str:
    """Return what was ordered, a line each, and what was written along."""
    ordered = payload.mapping(message, "order")
    goods = [_good(item) for item in payload.items(ordered, "product_items")[:_GOODS]]
    said = payload.text(ordered, "text", TEXT_MAX)
    return "\n".join([*([said] if said else []), "(Order)", *goods])


def unsupported(message: Payload) -> str:
    """Return what stands for a message whose content WhatsApp keeps to itself."""
    return UNREADABLE


def _form(reply: Payload) -> str:
    """Return a form that was filled in: what the person sees of it, else the values as they came."""
    seen = payload.text(reply, "body", _LINE)
    values = payload.text(reply, "response_json", TEXT_MAX)
    return "\n".join(each for each in (seen if seen != "Sent" else "", values) if each) or seen


def _card(card: Payload) -> str:
    name = payload.mapping(card, "name")
    shown = _line(name, "formatted_name") or _line(name, "first_name")
    phones = [_line(phone, "phone") for phone in payload.items(card, "phones")[:_NUMBERS]]
    mails = [_line(mail, "email") for mail in payload.items(card, "emails")[:_NUMBERS]]
    company = _line(payload.mapping(card, "org"), "company")
    return _sentence("Contact", [shown, company, *phones, *mails])


def _good(item: Payload) -> str:
    name = _line(item, "product_retailer_id") or "?"
    amount, price = _number(item.get("quantity")) or "1", _number(item.get("item_price"))
    return f"{amount} × {name}" + (f" at {price} {_line(item, 'currency')}".rstrip() if price else "")


def _sentence(what: str, parts: list[str]) -> str:
    said = ", ".join(part for part in parts if part)
    return f"({what}: {said})" if said else f"({what})"


def _line(data: Payload, name: str) -> str:
    return " ".join(payload.text(data, name, _LINE).split())


def _number(value: object) -> str | None:
    """Return a number as it is written; None for anything else, and for what no reader could make sense of."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) and abs(value) >= 1e15 else str(value)[:40]
    plain = isinstance(value, str) and value.isascii() and value.isprintable() and value.strip()
    return " ".join(value.split())[:40] if plain and isinstance(value, str) else None


WORDS: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "text": body,
    "interactive": choice,
    "button": quick_reply,
    "location": location,
    "contacts": cards,
    "order": order,
    "unsupported": unsupported,
}
"""By the type of the message: what it says."""
