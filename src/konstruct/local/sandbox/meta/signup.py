"""Embedded Signup: the script that the app's page loads, and the dialog that it opens."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from konstruct.local.sandbox.meta.application import APP_PATH
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import BusinessAccount, Number, Portfolio
from konstruct.local.sandbox.meta.turning import tell_account
from konstruct.local.sandbox.pages.acting import field
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pages.render import page, static_files

DIALOG_PATH = f"{APP_PATH}/dialog"
VERSION = "4"
"""Of the session event."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A number that somebody can connect."""

    portfolio: Portfolio
    account: BusinessAccount
    number: Number


def signup_router(meta: Meta) -> APIRouter:
    """Return the routes of the script and the dialog."""
    router = APIRouter(include_in_schema=False)

    @router.get(f"{APP_PATH}/sdk.js")
    async def sdk() -> Response:
        content, kind = static_files()["sdk.js"]
        headers = {"Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=kind, headers={**headers, "Cache-Control": "no-store"})

    @router.get(DIALOG_PATH)
    async def ask(client_id: str = "", config_id: str = "", response_type: str = "", origin: str = "") -> HTMLResponse:
        """Ask which business and number to connect."""
        trouble = _trouble(meta, client_id, config_id, response_type, origin)
        if trouble:
            return page("signup_refused.html", 400, trouble=trouble)
        return page("signup.html", offers=_offers(meta), origin=origin, app=meta.app.name)

    @router.post(DIALOG_PATH)
    async def decide(request: Request) -> Response:
        """Take the answer; the page that follows tells it to the window that opened the dialog."""
        refuse_other_sites(request)
        form = await request.form()
        origin = field(form, "origin")
        if not _is_origin(origin):
            return page("signup_refused.html", 400, trouble="The page that opened this dialog is not known.")
        if field(form, "decision") != "agree":
            return _done(origin, "CANCEL", {"current_step": "PHONE_NUMBER_SETUP"}, "")
        wanted = field(form, "number")
        offer = next((each for each in _offers(meta) if each.number.phone_number_id == wanted), None)
        if offer is None:
            return page("signup_refused.html", 400, trouble="This number cannot be connected.")
        code = meta.store.tokens.new_code(offer.account.waba_id, meta.now())
        tell_account(meta, offer.account, "PARTNER_ADDED")
        ids = {
            "phone_number_id": wanted,
            "waba_id": offer.account.waba_id,
            "business_id": offer.portfolio.business_id,
        }
        return _done(origin, "FINISH", ids, code)

    return router


def _done(origin: str, event: str, data: dict[str, str], code: str) -> HTMLResponse:
    told = {"type": "WA_EMBEDDED_SIGNUP", "event": event, "data": data, "version": VERSION}
    return page("signup_done.html", origin=origin, told=json.dumps(told), code=code)


def _offers(meta: Meta) -> list[Offer]:
    businesses = meta.store.businesses
    offers = []
    for number in businesses.all_numbers():
        account, portfolio = businesses.owner(number)
        if number.status != "DELETED":
            offers.append(Offer(portfolio, account, number))
    return sorted(offers, key=lambda each: each.account.subscribed)


def _trouble(meta: Meta, client_id: str, config_id: str, response_type: str, origin: str) -> str:
    if client_id != meta.app.app_id:
        return "Invalid App ID: The provided app ID does not look like a valid app ID."
    if config_id != meta.app.config_id:
        return "Invalid configuration: the app has no configuration of this id."
    if response_type != "code":
        return "Embedded Signup needs response_type=code, with override_default_response_type."
    return "" if _is_origin(origin) else "The page that opened this dialog is not known."


def _is_origin(value: str) -> bool:
    parts = urlsplit(value)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and value == f"{parts.scheme}://{parts.netloc}"
