"""What the control panel does to businesses, and what the app hears of it."""

from __future__ import annotations

import time
from typing import Any

from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import BusinessAccount, Number, Portfolio, Template
from konstruct.local.sandbox.meta.post import Happening

DAY_S = 86_400
ACCOUNT_EVENTS = (
    "PARTNER_ADDED",
    "PARTNER_REMOVED",
    "PARTNER_APP_INSTALLED",
    "PARTNER_APP_UNINSTALLED",
    "DISABLED_UPDATE",
    "ACCOUNT_RESTRICTION",
    "ACCOUNT_VIOLATION",
    "ACCOUNT_DELETED",
    "ACCOUNT_OFFBOARDED",
    "ACCOUNT_RECONNECTED",
    "VOLUME_BASED_PRICING_TIER_UPDATE",
)


def set_quality(meta: Meta, number: Number, quality: str) -> None:
    """Give a number another quality rating: whoever wants to know it must ask."""
    meta.store.businesses.change(number, quality=quality)


def set_status(meta: Meta, number: Number, status: str) -> None:
    """Give a number another status; a ban and a restriction, and their end, are told."""
    before = number.status
    meta.store.businesses.change(number, status=status)
    account, _ = meta.store.businesses.owner(number)
    if status == "BANNED":
        tell_account(meta, account, "DISABLED_UPDATE", ban_info=_ban("DISABLE"))
    elif status == "RESTRICTED":
        tell_account(meta, account, "ACCOUNT_RESTRICTION", **_restriction())
    elif before == "BANNED":
        tell_account(meta, account, "DISABLED_UPDATE", ban_info=_ban("REINSTATE"))


def set_tier(meta: Meta, portfolio: Portfolio, tier: int) -> None:
    """Give a portfolio another limit, and tell it."""
    meta.store.businesses.change(portfolio, tier=tier)
    value = {"max_daily_conversations_per_business": tier, "max_phone_numbers_per_business": 25}
    for account in meta.store.businesses.accounts(portfolio.business_id):
        meta.post.tell([Happening(account.waba_id, "business_capability_update", value)])


def set_verification(meta: Meta, portfolio: Portfolio, state: str) -> None:
    """Decide the verification of a business: whoever wants to know it must ask."""
    meta.store.businesses.change(portfolio, verification=state)


def set_template(meta: Meta, template: Template, status: str) -> None:
    """Decide about a template, and tell it."""
    reason = "INVALID_FORMAT" if status == "REJECTED" else "NONE"
    meta.store.templates.change(template, status=status, reason=reason)
    value: dict[str, Any] = {
        "event": status,
        "message_template_id": int(template.template_id),
        "message_template_name": template.name,
        "message_template_language": template.language,
        "message_template_category": template.category,
        "reason": reason,
    }
    if status == "PAUSED":
        value["other_info"] = {"title": "FIRST_PAUSE", "description": "Paused for 3 hours because people reported it."}
    meta.post.tell([Happening(template.waba_id, "message_template_status_update", value)])


def tell_account(meta: Meta, account: BusinessAccount, event: str, **more: Any) -> None:
    """Tell an `account_update` event. What it changes at Meta is changed as well."""
    store = meta.store
    if not more:
        more = _details(account, event)
    number = next(iter(store.businesses.numbers(account.waba_id)), None)
    shown = {"phone_number": number.digits} if number else {}
    happening = Happening(account.waba_id, "account_update", {**shown, "event": event, **more})
    # It is the app's own affair, whether it is subscribed to the account or not.
    meta.post.tell([happening], always=True)
    if event in ("PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED", "ACCOUNT_OFFBOARDED", "ACCOUNT_DELETED"):
        store.tokens.end(account.waba_id, meta.now(), expired=False)
        store.businesses.change(account, subscribed=False)


def _details(account: BusinessAccount, event: str) -> dict[str, Any]:
    details: dict[str, dict[str, Any]] = {
        "DISABLED_UPDATE": {"ban_info": _ban("DISABLE")},
        "ACCOUNT_RESTRICTION": _restriction(),
        "ACCOUNT_VIOLATION": {"violation_info": {"violation_type": "SPAM"}},
        "VOLUME_BASED_PRICING_TIER_UPDATE": {"volume_tier_info": {"tier": "25000:50000", "region": "United Kingdom"}},
    }
    if event.startswith("PARTNER_"):
        return {"waba_info": {"waba_id": account.waba_id, "owner_business_id": account.business_id}}
    return details.get(event, {})


def _ban(state: str) -> dict[str, str]:
    return {"waba_ban_state": state, "waba_ban_date": time.strftime("%B %d, %Y", time.gmtime())}


def _restriction() -> dict[str, Any]:
    until = int(time.time()) + 7 * DAY_S
    restricted = {"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": until}
    return {"restriction_info": [restricted]}
