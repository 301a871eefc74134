"""A business's number: `GET /{phone}?fields=…`, `register`, `deregister`, its PIN and its profile."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.meta.application import APP_ID, MESSAGING
from konstruct.local.sandbox.meta.calls import Answer, GraphCall, chosen
from konstruct.local.sandbox.meta.errors import GraphError, invalid
from konstruct.local.sandbox.meta.fields import Fields
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import TIERS, Number

_DEFAULT = "verified_name,display_phone_number,quality_rating,id"
_BLOCKED = ("BANNED", "DISCONNECTED", "PENDING")


def show(call: GraphCall) -> Answer:
    """Return the fields of a number that were asked for."""
    return chosen(call, number_fields(call.meta, call.number()), _DEFAULT)


def number_fields(meta: Meta, number: Number) -> Answer:
    """Return everything that the Graph API tells of a number."""
    account, portfolio = meta.store.businesses.owner(number)
    can_send = "BLOCKED" if number.status in _BLOCKED else "LIMITED" if number.status == "RESTRICTED" else "AVAILABLE"
    return {
        "id": number.phone_number_id,
        "display_phone_number": number.display,
        "verified_name": number.verified_name,
        "quality_rating": number.quality,
        "quality_score": {"score": number.quality},
        "status": number.status,
        "name_status": number.name_status,
        "new_name_status": "NONE",
        "code_verification_status": "VERIFIED",
        "platform_type": "CLOUD_API" if number.pin else "NOT_APPLICABLE",
        "account_mode": "LIVE",
        "throughput": {"level": number.throughput},
        "is_official_business_account": False,
        "is_pin_enabled": number.pin is not None,
        "messaging_limit_tier": TIERS[portfolio.tier],
        "whatsapp_business_manager_messaging_limit": TIERS[portfolio.tier],
        "webhook_configuration": {"application": f"https://app.example/{APP_ID}"},
        "health_status": {
            "can_send_message": can_send,
            "entities": [
                _entity("PHONE_NUMBER", number.phone_number_id, can_send),
                _entity("WABA", account.waba_id, "AVAILABLE"),
                _entity("BUSINESS", portfolio.business_id, "AVAILABLE" if portfolio.verification == "verified" else "LIMITED"),
                _entity("APP", APP_ID, "AVAILABLE"),
            ],
        },
    }


def _entity(kind: str, name: str, can_send: str) -> Answer:
    entity: Answer = {"entity_type": kind, "id": name, "can_send_message": can_send}
    if can_send == "BLOCKED":
        return {**entity, "errors": [{"error_code": 141000, "error_description": "This cannot send messages now."}]}
    if can_send == "LIMITED":
        return {**entity, "additional_info": ["It can answer people who wrote, and not write first."]}
    return entity


def register(call: GraphCall) -> Answer:
    """Register a number for the Cloud API, with the six digits of its two-step verification."""
    number = call.number()
    fields = Fields(call.values, "", "messaging_product pin data_localization_region backup")
    fields.one_of("messaging_product", "whatsapp")
    pin = _pin(fields.text("pin", 6))
    if number.pin is not None and number.pin != pin:
        raise GraphError(133005)
    if number.status == "BANNED":
        raise GraphError(131031)
    status = number.status if number.status not in ("PENDING", "DISCONNECTED") else "CONNECTED"
    call.meta.store.businesses.change(number, pin=pin, status=status)
    return {"success": True}


def deregister(call: GraphCall) -> Answer:
    """Take a number off the Cloud API."""
    call.meta.store.businesses.change(call.number(), pin=None, status="DISCONNECTED")
    return {"success": True}


def change(call: GraphCall) -> Answer:
    """Change the PIN of a number."""
    number = call.number()
    call.meta.store.businesses.change(number, pin=_pin(Fields(call.values, "", "pin").text("pin", 6)))
    return {"success": True}


def profile(call: GraphCall) -> Answer:
    """Return what people see of the business."""
    number = call.number(scope=MESSAGING)
    _, portfolio = call.meta.store.businesses.owner(number)
    return {"data": [{"about": portfolio.about, "messaging_product": "whatsapp"}]}


def _pin(value: Any) -> str:
    if not (isinstance(value, str) and len(value) == 6 and value.isdecimal()):
        raise invalid("pin", "must be a 6 digit number.")
    return value
