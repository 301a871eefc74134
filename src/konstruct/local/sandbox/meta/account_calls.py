"""Business accounts and portfolios: `GET`, `/phone_numbers`, `/subscribed_apps`."""

from __future__ import annotations

from konstruct.local.sandbox.meta.calls import Answer, GraphCall, chosen, page_of
from konstruct.local.sandbox.meta.model import TIERS, BusinessAccount, Portfolio
from konstruct.local.sandbox.meta.number_calls import number_fields


def show_account(call: GraphCall) -> Answer:
    """Return the fields of a business account that were asked for."""
    account = call.account()
    portfolio = call.meta.store.businesses.portfolio(account.business_id)
    assert portfolio is not None, "an account belongs to a portfolio"
    return chosen(call, _account_fields(account, portfolio), "id,name,timezone_id,message_template_namespace")


def _account_fields(account: BusinessAccount, portfolio: Portfolio) -> Answer:
    owner = {"id": portfolio.business_id, "name": portfolio.name}
    return {
        "id": account.waba_id,
        "name": account.name,
        "currency": "GBP",
        "country": "GB",
        "timezone_id": "1",
        "message_template_namespace": f"ns_{account.waba_id}",
        "owner_business_info": owner,
        "owner_business": owner,
        "on_behalf_of_business_info": {**owner, "status": "APPROVED", "type": "SELF"},
        "account_review_status": "APPROVED",
        "business_verification_status": portfolio.verification,
        "ownership_type": "SELF",
        "status": "ACTIVE",
        "whatsapp_business_manager_messaging_limit": TIERS[portfolio.tier],
        "health_status": {
            "can_send_message": "AVAILABLE",
            "entities": [{"entity_type": "WABA", "id": account.waba_id, "can_send_message": "AVAILABLE"}],
        },
    }


def show_portfolio(call: GraphCall) -> Answer:
    """Return the fields of a portfolio that were asked for."""
    portfolio = call.portfolio()
    known = {
        "id": portfolio.business_id,
        "name": portfolio.name,
        "verification_status": portfolio.verification,
        "whatsapp_business_manager_messaging_limit": TIERS[portfolio.tier],
    }
    return chosen(call, known, "id,name")


def phone_numbers(call: GraphCall) -> Answer:
    """Return the numbers of a business account."""
    account = call.account()
    shown = [number for number in call.meta.store.businesses.numbers(account.waba_id) if number.status != "DELETED"]
    default = "verified_name,code_verification_status,display_phone_number,quality_rating,platform_type,throughput,id"
    return page_of([chosen(call, number_fields(call.meta, number), default) for number in shown], call)


def subscribed_apps(call: GraphCall) -> Answer:
    """Subscribe the app to what happens in a business account, end that, or tell whether it is."""
    account, app = call.account(), call.meta.app
    if call.method in ("POST", "DELETE"):
        call.meta.store.businesses.change(account, subscribed=call.method == "POST")
        return {"success": True}
    held = {"whatsapp_business_api_data": {"id": app.app_id, "name": app.name, "link": "https://konstruct.example/"}}
    return {"data": [held] if account.subscribed else []}
