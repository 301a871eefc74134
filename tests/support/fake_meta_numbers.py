"""The fake Graph API's numbers: `GET /{phone}?fields=…`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.fake_meta_errors import Reply, bad_token, gone, refuse

if TYPE_CHECKING:
    from tests.support.fake_meta import Call, FakeMeta, Number

USUAL = {
    "quality_rating": "GREEN",
    "status": "CONNECTED",
    "name_status": "APPROVED",
    "throughput": {"level": "STANDARD"},
    "code_verification_status": "VERIFIED",
    "health_status": {"can_send_message": "AVAILABLE", "entities": []},
    "whatsapp_business_manager_messaging_limit": "TIER_2K",
    "platform_type": "CLOUD_API",
}
"""What a number says of itself, besides its names, unless `Number.fields` says something else."""


def answer(meta: FakeMeta, call: Call) -> Reply | None:
    """Answer what concerns a number itself; None for anything else."""
    if len(call.path) != 1 or call.verb != "GET" or meta.number(call.path[0]) is None:
        return None
    number = owned(meta, call, call.path[0])
    known = {
        "id": number.phone_id,
        "display_phone_number": f"+{number.digits}",
        "verified_name": number.name,
        **USUAL,
        **number.fields,
    }
    asked = [name.partition("{")[0] for name in call.query.get("fields", "id,display_phone_number,verified_name").split(",")]
    if unknown := [name for name in asked if name not in known]:
        raise refuse(100, f"Tried accessing nonexisting field ({unknown[0]}) on node type (WhatsAppBusinessPhoneNumber)")
    return {"id": number.phone_id} | {name: known[name] for name in asked}


def owned(meta: FakeMeta, call: Call, phone_id: str) -> Number:
    """Return the number that the call's token may use. Raises GraphRefusal."""
    if all(each.token != call.token for each in meta.numbers):
        raise bad_token()
    number = meta.number(phone_id)
    if number is None or number.token != call.token:
        raise gone(phone_id)
    return number
