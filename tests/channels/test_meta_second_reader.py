"""Another reader of the same deliveries, pywa: it and ours agree on who said what, and on what became of what we sent."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest
from pywa.client import WhatsApp
from pywa.types.base_update import RawUpdate

from konstruct.channels.port import Ignored, Inbound, InboundMessage
from konstruct.channels.port_events import (
    AccountChanged,
    Called,
    Deleted,
    Edited,
    PreferenceChanged,
    Reacted,
    Readdressed,
    Receipt,
    Revoked,
    TemplateChanged,
)
from konstruct.channels.whatsapp.reading import read
from tests.support import meta_events as meta
from tests.support.meta_corpus import a_day, restrictions
from tests.support.meta_events import Number

NUMBER = Number("900", "1000", "15550001111")
NOT_ITS = frozenset(
    (
        *("security", "history", "user_id_update", "account_alerts", "account_review_update", "business_capability_update"),
        *("phone_number_quality_update", "phone_number_name_update", "a_field_of_tomorrow"),
    )
)
"""Fields that pywa hands on unread."""


def _pieces() -> list[tuple[dict[str, Any], Inbound]]:
    """Return what there is of a day, and of the end of an account, each piece a delivery of its own, with what ours reads."""
    found: list[tuple[dict[str, Any], Inbound]] = []
    for delivery in (*a_day(NUMBER, 1_790_000_000).deliveries, *restrictions(NUMBER)):
        inbound = read(meta.encode(delivery))
        for each in inbound:
            piece = None if isinstance(each, Ignored) else getattr(each, "piece", None)
            found.append((delivery if piece is None else json.loads(piece), each))
    return found


def _second(client: WhatsApp, delivery: dict[str, Any]) -> Any:
    """Return what pywa makes of a delivery, None for what it does not read."""
    raw = RawUpdate(meta.encode(delivery), hmac_header=None, update_hash="x")
    kind = client._get_handler_type(raw)
    return client._handlers_to_updates[kind].from_update(client=client, update=raw) if kind else None


def _reads(delivery: dict[str, Any]) -> bool:
    """Whether pywa reads such a delivery at all: it needs Meta's own id of the person, and a system message's author."""
    change = delivery["entry"][0]["changes"][0]
    messages = change["value"].get("messages", [])
    return change["field"] not in NOT_ITS and all("from_user_id" in each and "from" in each for each in messages)


def _said(update: Any) -> str:
    """Return the words of a message as pywa has them."""
    for name in ("text", "caption", "title"):
        if isinstance(found := getattr(update, name, None), str):
            return found
    return ""


def _agree(ours: Inbound, theirs: Any) -> None:
    """Compare what both have; `ours` says of which type it is."""
    ids: Any = getattr(theirs, "from_user", None)
    known = {ids.bsuid, ids.wa_id, ids.parent_bsuid} - {None} if ids is not None else set()
    match ours:
        case InboundMessage():
            assert (ours.external_id, ours.sent_at) == (theirs.id, theirs.timestamp)
            assert {ours.sender_id, *ours.aliases} == known and ours.sender_id == ids.bsuid and ours.sender_name == ids.name
            if ours.attachments:
                media = theirs.media
                [file] = ours.attachments
                assert (file["id"], file["mimetype"], ours.text) == (media.id, media.mime_type, theirs.caption or "")
            elif type(theirs).__name__ in ("CallbackButton", "CallbackSelection") or theirs.type.value == "text":
                assert ours.text == _said(theirs).replace("\x00", "").encode("utf-16", "surrogatepass").decode(
                    "utf-16", "replace"
                )
        case Edited():
            assert (ours.external_id, ours.text) == (theirs.original_message_id, theirs.message.text)
        case Deleted():
            assert ours.external_id == theirs.original_message_id
        case Reacted():
            assert (ours.external_id, ours.sign or None) == (theirs.reaction.message_id, theirs.reaction.emoji)
        case Receipt():
            assert (ours.external_id, ours.state) == (theirs.id, theirs.status.value)
            assert (ours.delivery, ours.at) == (theirs.tracker, theirs.timestamp.timestamp())
            if theirs.pricing is not None:
                assert (ours.billable, ours.charged_as) == (theirs.pricing.billable, theirs.pricing.category.value.lower())
            if theirs.error is not None:
                assert (ours.reason or "").startswith(str(theirs.error.code))
        case TemplateChanged():
            assert (ours.template_id, ours.name, ours.language) == (
                theirs.template_id, theirs.template_name, theirs.template_language.value
            )  # fmt: skip
            status = getattr(theirs, "new_status", None)
            assert ours.state == (status.value if status else None)
        case AccountChanged() | Revoked():
            word = ours.change if isinstance(ours, AccountChanged) else ours.reason
            assert theirs.event.value in (word, "UNKNOWN")
        case PreferenceChanged():
            # Of the system message that says the same pywa makes a message.
            if hasattr(theirs, "value"):
                assert (ours.wants, ours.person_id) == (bool(theirs), ids.bsuid)
        case Readdressed():
            assert {theirs.old_wa_id} <= set(ours.old_ids) and ours.new_ids[:2] == (theirs.new_user_id, theirs.new_wa_id)
        case Called():
            assert (ours.person_id, ours.at) == (ids.bsuid, theirs.timestamp.timestamp())


@pytest.mark.filterwarnings("ignore:Unknown:UserWarning")
def test_two_readers_of_a_day_agree() -> None:
    client = WhatsApp(phone_id=None, token="canary", filter_updates=False, validate_updates=False)
    compared: dict[str, int] = {}
    with warnings.catch_warnings():
        # Types of tomorrow, of which pywa warns.
        warnings.simplefilter("ignore")
        for delivery, ours in _pieces():
            if isinstance(ours, Ignored) or not _reads(delivery):
                continue
            theirs = _second(client, delivery)
            assert theirs is not None, delivery
            _agree(ours, theirs)
            compared[type(ours).__name__] = compared.get(type(ours).__name__, 0) + 1
    assert compared["InboundMessage"] >= 15 and compared["Receipt"] >= 6, compared
    assert {"Edited", "Deleted", "Reacted", "TemplateChanged", "AccountChanged", "Revoked", "PreferenceChanged", "Called"} <= set(
        compared
    ), compared
