"""Connect WhatsApp: the page on which Meta's dialog opens, what it gives us, and what is missing afterwards.

The dialog gives its code to the page's script, which posts it here as a form. The form proves nothing: the state does, which is
this sign-in's, holds for ten minutes and works once. The ids beside it are asked for at Meta before anything comes of them.
"""

from __future__ import annotations

import re
import secrets
from typing import Annotated, cast
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts, installs, signups_repository
from konstruct.channels.accounts import AccountTakenError
from konstruct.channels.port_abilities import NotGranted
from konstruct.channels.port_signup import SigningUp
from konstruct.channels.signups import SignupRefusedError, Signups
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import Deps, deps_of
from konstruct.web.portal.channels import signup_policy
from konstruct.web.portal.channels import signup_words as words
from konstruct.web.portal.channels.install_words import Told
from konstruct.web.portal.channels.signup_view import SignupView, StartView
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

log = structlog.get_logger()

KIND = "whatsapp"
_CODE = re.compile(r"[!-~]{1,2000}", re.ASCII)
_ID = re.compile(r"[0-9]{1,40}", re.ASCII)
_PIN = re.compile(r"[0-9]{6}", re.ASCII)
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))]


def router() -> APIRouter:
    """Return the routes under /oauth/whatsapp, and those of numbers that are being connected."""
    routes = APIRouter()
    routes.add_api_route("/oauth/whatsapp/start", start, methods=["GET"])
    routes.add_api_route("/oauth/whatsapp/callback", callback, methods=["POST"])
    routes.add_api_route("/channels/signups/{signup_id}", show, methods=["GET"])
    routes.add_api_route("/channels/signups/{signup_id}/continue", go_on, methods=["POST"])
    routes.add_api_route("/channels/signups/{signup_id}/discard", discard, methods=["POST"])
    routes.add_api_route("/channels/{account_id}/pin", show_pin, methods=["POST"])
    return routes


async def start(request: Request, visitor: Managing) -> Response:
    """Show the page on which Meta's dialog opens. A link on another site leads to our own page instead."""
    deps = deps_of(request)
    if request.headers.get("sec-fetch-site") == "cross-site":
        return _to("/channels")
    adapter = _adapter(deps)
    if not adapter.can_sign_up:
        return _told(visitor, words.NOT_SET_UP)
    state = await installs.begin(deps.db, visitor.scope, visitor.session_id, KIND)
    async with deps.db.tenant(visitor.scope) as session:
        again = await accounts.has_kind(session, KIND)
    dialog, nonce = adapter.dialog(), secrets.token_urlsafe(18)
    view = StartView(dialog, state, again)
    return page("channels/signup_start.html", visitor, headers=signup_policy.headers(dialog, nonce), view=view, nonce=nonce)


async def callback(request: Request, visitor: Managing) -> Response:
    """Take what the dialog gave. Nothing is stored before the state is proved, and it is used up by that."""
    deps = deps_of(request)
    if not _adapter(deps).can_sign_up:
        return _told(visitor, words.NOT_SET_UP)
    entered = await form_of(request)
    refused = await installs.redeem(deps.db, visitor.scope, visitor.session_id, KIND, entered.get("state", ""))
    if refused is not None:
        log.info("install_state_refused", tenant_id=str(visitor.scope.tenant_id), reason=refused.value)
        return _told(visitor, words.STATES[refused])
    code = entered.get("code", "")
    if not _CODE.fullmatch(code):
        return _told(visitor, words.NOT_APPROVED)
    waba, number = _id(entered.get("waba_id", "")), _id(entered.get("phone_number_id", ""))
    by = visitor.member.name
    begun = await _signups(deps).begin(visitor.scope, KIND, code, by=by, business_account=waba, account=number)
    if isinstance(begun, NotGranted):
        return _told(visitor, words.of(begun))
    return await _advance(deps, visitor, begun)


async def show(request: Request, visitor: Managing, signup_id: str) -> Response:
    """Show how far a number has come, and what is missing."""
    wanted = parse_id(signup_id)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await signups_repository.find(session, wanted)
    if found is None:
        raise NotFoundError(f"there is no number {wanted} being connected")
    if found.done_at is not None and found.account_id is not None:
        return _to(f"/channels/{found.account_id}")
    return page("channels/signup.html", visitor, view=SignupView(found))


async def go_on(request: Request, visitor: Managing, signup_id: str) -> Response:
    """Do what is missing, with the number that was chosen or the PIN that was entered."""
    wanted, entered = parse_id(signup_id), await form_of(request)
    pin = entered.get("pin", "").strip() or None
    if pin is not None and not _PIN.fullmatch(pin):
        return await _wrong_pin(request, visitor, wanted)
    return await _advance(deps_of(request), visitor, wanted, account=_id(entered.get("number", "")), pin=pin)


async def discard(request: Request, visitor: Managing, signup_id: str) -> Response:
    """Forget a number that is not connected, with its token; once more does nothing."""
    wanted, deps = parse_id(signup_id), deps_of(request)
    async with deps.db.tenant(visitor.scope) as session:
        found = await signups_repository.find(session, wanted)
    if found is None:
        raise NotFoundError(f"there is no number {wanted} being connected")
    await _signups(deps).discard(visitor.scope, wanted)
    return _to("/channels")


async def show_pin(request: Request, visitor: Managing, account_id: str) -> Response:
    """Show the number's PIN of two-step verification to whoever asks for it, which is noted."""
    account, deps = parse_id(account_id), deps_of(request)
    pin = await _signups(deps).pin(visitor.scope, account, visitor.member.name)
    if pin is None:
        raise NotFoundError(f"no PIN of account {account} is known")
    async with deps.db.tenant(visitor.scope) as session:
        acts = await signups_repository.acts(session, account)
    return page("channels/pin.html", visitor, pin=pin, account_id=account, acts=acts)


async def _advance(
    deps: Deps, visitor: Visitor, signup_id: UUID, *, account: str | None = None, pin: str | None = None
) -> Response:
    by = visitor.member.name
    try:
        signup = await _signups(deps).advance(visitor.scope, signup_id, by=by, account=account, pin=pin)
    except AccountTakenError:
        return _told(visitor, words.TAKEN)
    except SignupRefusedError as error:
        return _told(visitor, words.refused(error.code))
    if signup.done_at is not None:
        return _to(f"/channels/{signup.account_id}?done=installed")
    return _to(f"/channels/signups/{signup_id}")


async def _wrong_pin(request: Request, visitor: Visitor, signup_id: UUID) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await signups_repository.find(session, signup_id)
    if found is None:
        raise NotFoundError(f"there is no number {signup_id} being connected")
    return page("channels/signup.html", visitor, 422, view=SignupView(found), error="A PIN has six digits.")


def _id(text: str) -> str | None:
    """What the browser says that an id is, if it can be one."""
    return text if _ID.fullmatch(text) else None


def _signups(deps: Deps) -> Signups:
    return Signups(deps.db, deps.vault, deps.credentials, deps.adapters)


def _adapter(deps: Deps) -> SigningUp:
    return cast(SigningUp, deps.adapters[KIND])


def _told(visitor: Visitor, told: Told) -> Response:
    return page("channels/install.html", visitor, told.status, told=told)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)
