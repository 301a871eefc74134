"""Channels: how each account is, and connecting and disconnecting it."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts, accounts_status, signups_repository, verifications_repository
from konstruct.channels.accounts import AccountTakenError, OwnOverlapError, TokenRefusedError
from konstruct.channels.accounts_status import AccountStatus
from konstruct.channels.port_abilities import Installing
from konstruct.channels.port_signup import SigningUp
from konstruct.channels.slack import manifest
from konstruct.conversations import pausing
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.channels.signup_view import SignupView
from konstruct.web.portal.channels.slack_form import SlackForm
from konstruct.web.portal.channels.strangers import set_strangers
from konstruct.web.portal.channels.view import AccountView, ChannelsView
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

HOME = "/channels"
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_CHANNELS))]
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))]


def router() -> APIRouter:
    """Return the routes under /channels."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("/slack", ask_for_slack, methods=["GET"])
    routes.add_api_route("/slack", connect_slack, methods=["POST"])
    routes.add_api_route("/{account_id}", show_account, methods=["GET"])
    routes.add_api_route("/{account_id}/pause", pause, methods=["POST"])
    routes.add_api_route("/{account_id}/resume", resume, methods=["POST"])
    routes.add_api_route("/{account_id}/disconnect", disconnect, methods=["POST"])
    routes.add_api_route("/{account_id}/strangers", set_strangers, methods=["POST"])
    return routes


async def show(request: Request, visitor: Viewing) -> Response:
    """Show every account."""
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await accounts_status.list_all(session)
        signups = await signups_repository.unfinished(session)
    adapter: object = deps_of(request).adapters.get("whatsapp")
    half = {each.account_id: SignupView(each) for each in signups if each.account_id is not None}
    view = ChannelsView(
        [_view(request, each, signup=half.get(each.id)) for each in found],
        _can_install(request, "slack"),
        isinstance(adapter, SigningUp) and adapter.can_sign_up,
        [SignupView(each) for each in signups if each.account_id is None],
    )
    return page("channels/channels.html", visitor, view=view)


async def show_account(request: Request, visitor: Viewing, account_id: str, done: str = "") -> Response:
    """Show one account with its history."""
    account = parse_id(account_id)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await accounts_status.get(session, account)
        signup = await signups_repository.of_account(session, account)
        acts = await signups_repository.acts(session, account)
        verification = await verifications_repository.current(session, account)
    shown = SignupView(signup) if signup is not None else None
    view = _view(request, found, done, signup=shown, acts=acts, verification=verification)
    return page("channels/account.html", visitor, view=view)


async def ask_for_slack(request: Request, visitor: Managing, account: str = "") -> Response:
    """Ask for what a Slack app of one's own needs; of a known account, only the token is asked again."""
    form = SlackForm()
    if account:
        async with deps_of(request).db.tenant(visitor.scope) as session:
            found = await accounts_status.get(session, parse_id(account))
        form = SlackForm(found.external_id, found.app_id or "", found.bot_user_id or "")
    return _form(request, visitor, form)


async def connect_slack(request: Request, visitor: Managing) -> Response:
    """Connect a Slack workspace after Slack has taken its token. The token is never shown again."""
    deps = deps_of(request)
    entered = await form_of(request)
    form, token = SlackForm.of(entered), entered.get("token", "").strip()
    form = form.checked(token)
    if form.errors:
        return _form(request, visitor, form, 422)
    try:
        account_id = await accounts.connect_checked(
            deps.db,
            deps.vault,
            deps.adapters["slack"],
            visitor.scope,
            external_id=form.team,
            app_id=form.app,
            bot_user_id=form.bot_user,
            token=token,
        )
    except TokenRefusedError as refused:
        return _form(request, visitor, form.refused(refused), 422)
    except AccountTakenError:
        return _form(request, visitor, form.taken(), 409)
    except OwnOverlapError:
        return _form(request, visitor, form.overlapping(), 409)
    return _to(f"{HOME}/{account_id}?done=connected")


async def pause(request: Request, visitor: Managing, account_id: str) -> Response:
    """Let the employee answer nobody in an account; once more does nothing."""
    return await _pausing(request, visitor, parse_id(account_id), paused=True)


async def resume(request: Request, visitor: Managing, account_id: str) -> Response:
    """Let the employee answer again in an account; once more does nothing."""
    return await _pausing(request, visitor, parse_id(account_id), paused=False)


async def _pausing(request: Request, visitor: Visitor, account: UUID, *, paused: bool) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        await accounts_status.get(session, account)
        if paused:
            await pausing.pause(session, account, visitor.member.name)
        else:
            await pausing.resume(session, account)
    return _to(f"{HOME}/{account}?done={'paused' if paused else 'resumed'}")


async def disconnect(request: Request, visitor: Managing, account_id: str) -> Response:
    """Disconnect an account; once more does nothing."""
    deps, account = deps_of(request), parse_id(account_id)
    await accounts.disconnect(deps.db, deps.vault, visitor.scope, account, deps.adapters)
    return _to(f"{HOME}/{account}?done=disconnected")


def _form(request: Request, visitor: Visitor, form: SlackForm, status: int = 200) -> Response:
    own = manifest.manifest(deps_of(request).settings.public_url, name=visitor.employee, by_click=False)
    return page("channels/slack.html", visitor, status, form=form, manifest=manifest.as_yaml(own))


def _view(request: Request, account: AccountStatus, done: str = "", **known: Any) -> AccountView:
    adapter: object = deps_of(request).adapters.get(account.kind)
    if isinstance(adapter, SigningUp):
        return AccountView(account, done, adapter.can_sign_up, **known)
    installing = _installing(request, account.kind)
    can, scopes = (installing.can_install, installing.scopes) if installing is not None else (False, {})
    return AccountView(account, done, can, scopes, **known)


def _can_install(request: Request, kind: str) -> bool:
    adapter = _installing(request, kind)
    return adapter is not None and adapter.can_install


def _installing(request: Request, kind: str) -> Installing | None:
    adapter: object = deps_of(request).adapters.get(kind)
    return adapter if isinstance(adapter, Installing) else None


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)
