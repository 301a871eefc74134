"""A day of a number as Meta delivers it, written after its documentation: every type of message, every field, batches.

The words say what is to come of a message: `ask…` is answered, once; nothing is said of any other.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support import meta_events as meta
from tests.support.meta_events import Number, Payload, Person

_numbers = itertools.count(1)
ANN = Person("15557770001", "US.13491208655302741918", "Ann", "US.ENT.11815799212886844830", "ann")
BEN = Person("5491155550002", "AR.2200000000000002", "Ben 👩‍🚀")
CAT = Person(None, "DE.3300000000000003", "قطة")
"""Has a username, and tells no number."""
DAN = Person("15557770004", None, "Dan")
"""Of a time before Meta had ids of its own."""
MEDIA = {"id": "1013859600285441", "mime_type": "image/jpeg", "sha256": "gdO9ioqNuGjJUg7VGGHo8H8="}
PLACE = {"latitude": 37.4847, "longitude": -122.1477, "name": "Main/Street", "address": "1 Hacker Way"}
CARD = {"name": {"formatted_name": "Barbara", "first_name": "Barbara"}, "phones": [{"phone": "+1 555 0100", "wa_id": "15550100"}]}
TIER = {
    "tier_update_time": 1743451903,
    "pricing_category": "UTILITY",
    "tier": "25000:50000",
    "effective_month": "2026-11",
    "region": "India",
}
ORDER = {
    "catalog_id": "194836987003835",
    "text": "soon please",
    "product_items": [{"product_retailer_id": "di9ozbzfi4", "quantity": 2, "item_price": 30, "currency": "USD"}],
}


@dataclass
class Day:
    """What is delivered, and what must come of it. `mark` tells the words of one day from another's."""

    number: Number
    mark: str
    deliveries: list[Payload] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    def ask(self, name: str) -> str:
        """Return words that are answered once."""
        self.answered.add(word := f"ask{name}{self.mark}")
        return word

    def hush(self, name: str) -> str:
        """Return words that nobody hears again."""
        self.silent.add(word := f"hush{name}{self.mark}")
        return word

    def add(self, *deliveries: Payload) -> None:
        """Deliver these as well."""
        self.deliveries += deliveries


def a_day(number: Number, at: float) -> Day:
    """Return a day whose messages were written from `at` on, Unix seconds, a second apart."""
    day, clock = Day(number, f"x{next(_numbers)}x"), itertools.count(int(at))
    for part in (_texts, _media, _choices, _things, _changes, _nobody, _batches):
        part(day, clock)
    _statuses(day)
    _people(day, clock)
    _accounts(day)
    return day


def _texts(day: Day, clock: Any) -> None:
    n = day.number
    day.add(meta.text(n, day.ask("plain"), ANN, at=next(clock)))
    day.add(meta.text(n, f"{day.ask('emoji')} 👩‍🚀 \u202eمرحبا\u202c \u0000 \ud83d", BEN, at=next(clock)))
    day.add(meta.text(n, day.ask("username"), CAT, at=next(clock)))
    day.add(meta.text(n, day.ask("digits"), DAN, at=next(clock)))
    context = {"from": n.display, "id": meta.new_wamid()}
    day.add(meta.text(n, day.ask("reply"), ANN, at=next(clock), context=context))
    day.add(meta.text(n, day.ask("forwarded"), BEN, at=next(clock), context={"forwarded": True, "frequently_forwarded": True}))
    product = {"catalog_id": "1", "product_retailer_id": "SKU-7"}
    day.add(meta.text(n, day.ask("product"), CAT, at=next(clock), context={**context, "referred_product": product}))
    referral = {
        "source_url": "https://fb.me/x",
        "source_type": "ad",
        "source_id": "120226",
        "headline": "Buy",
        "ctwa_clid": "A/b=",
    }
    day.add(meta.text(n, day.ask("advertisement"), DAN, at=next(clock), referral=referral))


def _media(day: Day, clock: Any) -> None:
    n = day.number
    files: tuple[tuple[str, dict[str, Any]], ...] = (
        ("image", {}),
        ("video", {"mime_type": "video/mp4"}),
        ("document", {"mime_type": "application/pdf", "filename": "offer.pdf"}),
    )
    for kind, more in files:
        day.add(meta.message(n, kind, {**MEDIA, **more, "caption": day.ask(kind)}, ANN, at=next(clock)))
    silent: tuple[tuple[str, dict[str, Any]], ...] = (("audio", {"voice": True}), ("sticker", {"animated": False}))
    for kind, more in silent:
        # Without words of their own: what stands beside them is answered.
        day.add(meta.message(n, kind, {**MEDIA, "mime_type": "audio/ogg; codecs=opus", **more}, BEN, at=next(clock)))


def _choices(day: Day, clock: Any) -> None:
    n = day.number
    context = {"from": n.display, "id": meta.new_wamid()}
    for kind in ("button_reply", "list_reply"):
        chosen = {"type": kind, kind: {"id": f"free-{kind}", "title": day.ask(kind.replace("_", "")), "description": "?"}}
        day.add(meta.message(n, "interactive", chosen, ANN, at=next(clock), context=context))
    form = {"type": "nfm_reply", "nfm_reply": {"name": "flow", "body": "Sent", "response_json": f'{{"a":"{day.ask("form")}"}}'}}
    day.add(meta.message(n, "interactive", form, ANN, at=next(clock), context=context))
    day.add(meta.message(n, "button", {"payload": "P", "text": day.ask("quick")}, BEN, at=next(clock), context=context))


def _things(day: Day, clock: Any) -> None:
    n = day.number
    day.add(meta.message(n, "location", {**PLACE, "name": day.ask("place")}, CAT, at=next(clock)))
    name = {"formatted_name": day.ask("card")}
    day.add(meta.message(n, "contacts", [{**CARD, "name": name}], CAT, at=next(clock)))
    day.add(meta.message(n, "order", {**ORDER, "text": day.ask("order")}, DAN, at=next(clock)))
    errors = [
        {
            "code": 131051,
            "title": "Message type unknown",
            "message": "Message type unknown",
            "error_data": {"details": "Message type is not supported."},
        }
    ]
    day.add(meta.message(n, "unsupported", {"type": "poll_creation"}, DAN, at=next(clock), errors=errors))


def _changes(day: Day, clock: Any) -> None:
    n = day.number
    first = meta.text(n, day.hush("misspelt"), ANN, at=next(clock))
    now = meta.edit(n, meta.wamid_of(first), "text", {"body": day.ask("wellspelt")}, ANN, at=next(clock))
    day.add(first, now)
    second = meta.text(n, day.hush("takenback"), BEN, at=next(clock))
    day.add(second, meta.revoke(n, meta.wamid_of(second), BEN, at=next(clock)))
    day.add(meta.message(n, "reaction", {"message_id": meta.new_wamid(), "emoji": "👍"}, ANN, at=next(clock)))
    day.add(meta.message(n, "reaction", {"message_id": meta.new_wamid()}, ANN, at=next(clock)))


def _nobody(day: Day, clock: Any) -> None:
    """What is no person's message to us."""
    n = day.number
    us = Person(n.display, None, "us")
    day.add(meta.text(n, day.hush("own"), us, at=next(clock)))
    echo = meta.raw_message("text", {"body": day.hush("echo")}, us, at=next(clock), to=ANN.phone)
    day.add(meta.of_number(n, "smb_message_echoes", message_echoes=[echo]))
    day.add(meta.text(n, day.hush("group"), ANN, at=next(clock), group_id="Y2FwaV9ncm91cDox"))
    day.add(meta.message(n, "hologram", {"body": day.hush("tomorrow")}, ANN, at=next(clock)))
    day.add(meta.message(n, "request_welcome", None, ANN, at=next(clock)))
    day.add(meta.of_number(n, "history", history=[{"threads": []}]))
    day.add(meta.of_number(n, "a_field_of_tomorrow", value={"text": day.hush("field")}))
    day.add(meta.of_number(n, errors=[{"code": 131000, "title": "Something went wrong"}]))


def _batches(day: Day, clock: Any) -> None:
    n = day.number
    several = [meta.raw_message("text", {"body": day.ask(f"batch{i}")}, (ANN, BEN)[i % 2], at=next(clock)) for i in range(4)]
    day.add(meta.messages(n, *several, people=[ANN, BEN]))
    one, two = (meta.text(n, day.ask(f"entry{i}"), CAT, at=next(clock)) for i in range(2))
    day.add(meta.batch(one, two, meta.status(n, meta.new_wamid(), "read", ANN)))


def _statuses(day: Day) -> None:
    """Of messages that nobody sent, in a wrong order, with everything that Meta tells."""
    n, wamid = day.number, meta.new_wamid()
    pricing = {"billable": True, "type": "regular", "category": "service"}
    for state in ("played", "read", "delivered", "sent"):
        day.add(meta.status(n, wamid, state, ANN, pricing=pricing, delivery="01990000-0000-7000-8000-000000000009"))
    errors = [
        {
            "code": 131047,
            "title": "Re-engagement message",
            "message": "Re-engagement message",
            "error_data": {"details": "More than 24 hours"},
        }
    ]
    day.add(meta.status(n, meta.new_wamid(), "failed", BEN, errors=errors))
    day.add(meta.status(n, meta.new_wamid(), "deleted", BEN), meta.status(n, meta.new_wamid(), "sent", CAT))


def _people(day: Day, clock: Any) -> None:
    n = day.number
    day.add(meta.preference(n, "stop", BEN), meta.preference(n, "resume", BEN), meta.call(n, ANN, at=next(clock)))
    day.add(meta.call(n, ANN, "terminate", at=next(clock), duration=7, status="COMPLETED"))
    told = {"type": "user_preference_changed", "marketing": "stop", "body": "stopped"}
    day.add(meta.message(n, "system", told, BEN, at=next(clock)))
    moved = replace(DAN, phone="15557770044", user_id="US.44")
    day.add(meta.changed_number(n, DAN, moved, at=next(clock)))
    day.add(meta.text(n, day.ask("moved"), moved, at=next(clock)))
    other = replace(CAT, user_id="DE.33")
    day.add(meta.user_id_update(n, CAT, other), meta.changed_user_id(n, CAT, other, at=next(clock)))
    day.add(meta.text(n, day.ask("renamed"), other, at=next(clock)))


def _accounts(day: Day) -> None:
    n = day.number
    template = {
        "message_template_id": 594425479261596,
        "message_template_name": "order_ready",
        "message_template_language": "en_US",
    }
    for field_name, value in (
        ("account_update", {"event": "PARTNER_ADDED", "waba_info": {"waba_id": n.waba, "owner_business_id": "942"}}),
        ("account_update", {"event": "VOLUME_BASED_PRICING_TIER_UPDATE", "volume_tier_info": TIER}),
        ("account_update", {"event": "ACCOUNT_VIOLATION", "violation_info": {"violation_type": "SPAM"}}),
        ("account_update", {"event": "SOMETHING_NEW", "more": [1]}),
        ("account_review_update", {"decision": "APPROVED"}),
        ("account_alerts", {"entity_type": "WABA", "alert_info": {"alert_type": "OBA_APPROVED", "alert_severity": "INFO"}}),
        ("business_capability_update", {"max_daily_conversations_per_business": 2000, "max_phone_numbers_per_business": 20}),
        ("phone_number_quality_update", {"display_phone_number": n.display, "event": "THROUGHPUT_UPGRADE"}),
        ("phone_number_name_update", {"display_phone_number": n.display, "decision": "APPROVED"}),
        ("security", {"display_phone_number": n.display, "event": "PIN_CHANGED"}),
        ("message_template_status_update", {**template, "event": "PAUSED", "reason": "NONE"}),
        ("message_template_quality_update", {**template, "new_quality_score": "YELLOW", "previous_quality_score": "GREEN"}),
        ("template_category_update", {**template, "new_category": "MARKETING", "previous_category": "UTILITY"}),
        ("message_template_components_update", {**template, "message_template_element": "Your order"}),
    ):
        day.add(meta.of_business(n, field_name, **value))


def restrictions(number: Number) -> list[Payload]:
    """Return what ends an account: no part of an ordinary day."""
    limited = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 1893456000}
    closed = {"restriction_type": "RESTRICTED_CUSTOMER_INITIATED_MESSAGING", "expiration": 1893456001}
    ban = {"waba_ban_state": "DISABLE", "waba_ban_date": "January 2, 2026"}
    return [
        meta.of_business(number, "account_update", event="ACCOUNT_RESTRICTION", restriction_info=[limited]),
        meta.of_business(number, "account_update", event="ACCOUNT_RESTRICTION", restriction_info=[limited, closed]),
        meta.of_business(number, "account_update", event="DISABLED_UPDATE", ban_info=ban),
        meta.of_business(number, "account_update", event="DISABLED_UPDATE", ban_info={**ban, "waba_ban_state": "REINSTATE"}),
        meta.of_business(number, "account_update", event="ACCOUNT_DELETED"),
        meta.of_business(
            number, "account_update", event="PARTNER_REMOVED", waba_info={"waba_id": number.waba, "owner_business_id": "942"}
        ),
        meta.of_business(number, "account_update", event="PARTNER_APP_UNINSTALLED"),
    ]
