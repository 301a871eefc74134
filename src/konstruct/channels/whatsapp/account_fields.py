"""Fields about a business account or one of its numbers: what it may do, how much, and how Meta judges it. Pure.

Meta's entry names the business account. Where one number is meant, it stands there by its digits only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from konstruct.channels.port_events import AccountChanged, CapacityChanged, ChannelEvent, Revoked, Standing
from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.envelope import Change
from konstruct.channels.whatsapp.payload import Payload

_REVOKED = frozenset(("PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED"))
"""Of `account_update`: we may not act for the business any more, whatever its token says."""
_STANDINGS: Mapping[str, Standing] = {
    "ACCOUNT_DELETED": "stopped",
    "ACCOUNT_OFFBOARDED": "stopped",
    "ACCOUNT_RECONNECTED": "good",
    "ACCOUNT_VIOLATION": "limited",
    "ACCOUNT_RESTRICTION": "limited",
    # Of a ban (`_banned`).
    "DISABLE": "stopped",
    "SCHEDULE_FOR_DISABLE": "limited",
    "REINSTATE": "good",
    # Of a number.
    "FLAGGED": "limited",
    "UNFLAGGED": "good",
}
"""What Meta's words leave an account to do. Any other changes nothing of that."""
_NO_REPLIES = "RESTRICTED_CUSTOMER_INITIATED_MESSAGING"
"""The one restriction under which not even an answer may be sent."""
_LIMITS = {
    "TIER_50": 50, "TIER_250": 250, "TIER_1K": 1000, "TIER_2K": 2000, "TIER_10K": 10_000, "TIER_100K": 100_000,
    "TIER_UNLIMITED": -1,
}  # fmt: skip
_DETAIL_MAX = 300
_KINDS_MAX = 10

Read = Callable[[Change, str], Sequence[ChannelEvent]]


def account_update(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return what happened to a business account. What another company is told of it names the account in `waba_info`."""
    value = change.value
    event = payload.word(value, "event") or "UNKNOWN"
    names = change.business_names(payload.person(payload.mapping(value, "waba_info"), "waba_id") or business)
    if event in _REVOKED:
        return [Revoked(**names, reason=event, at=float(change.at or 0), whole_business=True)]
    banned = payload.mapping(value, "ban_info")
    restrictions = payload.items(value, "restriction_info")[:_KINDS_MAX]
    kinds = [kind for each in restrictions if (kind := payload.word(each, "restriction_type"))]
    ends = [at for each in restrictions if (at := payload.seconds(each, "expiration")) is not None]
    word = payload.word(banned, "waba_ban_state") if event == "DISABLED_UPDATE" else None
    standing = "stopped" if _NO_REPLIES in kinds else _STANDINGS.get(word or event, "unchanged")
    violation = payload.text(payload.mapping(value, "violation_info"), "violation_type", _DETAIL_MAX)
    left = payload.mapping(value, "disconnection_info")
    details = [*kinds, violation, word or "", payload.text(banned, "waba_ban_date", 60), payload.text(left, "reason", 60)]
    detail = ", ".join(each for each in details if each)[:_DETAIL_MAX] or None
    until = float(max(ends)) if ends else None
    return [AccountChanged(**names, change=event, standing=standing, detail=detail, until=until, whole_business=True)]


def account_review(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return how a review of the business account ended."""
    decision = payload.word(change.value, "decision") or "UNKNOWN"
    return [_changed(change, business, f"REVIEW_{decision}"[:100], standing="limited" if decision == "REJECTED" else "unchanged")]


def account_alert(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return a warning."""
    alert = payload.mapping(change.value, "alert_info")
    detail = " ".join(payload.text(alert, name, 100) for name in ("alert_severity", "alert_status")).strip() or None
    return [_changed(change, business, payload.word(alert, "alert_type") or "ALERT", detail=detail)]


def capability(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return how many people the portfolio may write to first, and how many numbers it may have."""
    value = change.value
    limit = _limit(value, "max_daily_conversations_per_business", "max_daily_conversation_per_phone")
    numbers = payload.number(value, "max_phone_numbers_per_business")
    if limit is None and numbers is None:
        return []
    return [CapacityChanged(**change.business_names(business), daily_limit=limit, numbers_max=numbers, whole_business=True)]


def number_quality(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return what happened to a number's throughput, or that it is flagged."""
    value = change.value
    event, number = payload.word(value, "event") or "UNKNOWN", _digits(value)
    found: list[ChannelEvent] = []
    if event in _STANDINGS:
        found.append(_changed(change, business, event, standing=_STANDINGS[event]))
    limit = _limit(value, "max_daily_conversations_per_business", "current_limit")
    names = change.business_names(business)
    # Two events of one delivery are two keys.
    names["event_key"] = f"{names['event_key']}:limit"
    return [*found, CapacityChanged(**names, daily_limit=limit, change=event, phone_number=number, whole_business=True)]


def number_name(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return how the wish for another name ended."""
    decision, why = payload.word(change.value, "decision") or "UNKNOWN", payload.text(change.value, "rejection_reason", 200)
    return [_changed(change, business, f"NAME_{decision}"[:100], detail=why or None)]


def security(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return that somebody touched the number's PIN."""
    return [_changed(change, business, payload.word(change.value, "event") or "SECURITY")]


READERS: Mapping[str, Read] = {
    "account_update": account_update,
    "account_review_update": account_review,
    "account_alerts": account_alert,
    "business_capability_update": capability,
    "phone_number_quality_update": number_quality,
    "phone_number_name_update": number_name,
    "security": security,
}
"""By the name of the field."""


def _changed(
    change: Change, business: str, word: str, *, standing: Standing = "unchanged", detail: str | None = None
) -> AccountChanged:
    names: dict[str, Any] = change.business_names(business)
    number = _digits(change.value)
    return AccountChanged(**names, change=word, standing=standing, detail=detail, phone_number=number, whole_business=True)


def _digits(value: Payload) -> str | None:
    """Return the number that is meant, None where it is the whole business account."""
    shown = payload.text(value, "display_phone_number", 40)
    return "".join(char for char in shown if char.isascii() and char.isdigit()) or None


def _limit(value: Payload, *names: str) -> int | None:
    for name in names:
        found = payload.number(value, name)
        if found is None:
            found = _LIMITS.get(payload.text(value, name, 40))
        if found is not None:
            return found
    return None
