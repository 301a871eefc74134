"""OAuth, second half: `oauth.v2.access` makes tokens of a code, or of a refresh token."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import Any

from konstruct.local.sandbox.installations import Code, Installation, Token
from konstruct.local.sandbox.slack.application import Application
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.store import SandboxStore

CODE_S = 600
"""How long a code can be exchanged."""
TOKEN_S = 43_200
"""How long an access token works where the app rotates its tokens."""


def access(store: SandboxStore, app: Application, args: Arguments, authorization: str) -> dict[str, Any]:
    """Answer `oauth.v2.access`; `authorization` is the request's header of that name.

    Refusals: invalid_client_id, bad_client_secret, invalid_grant_type, and those of code and refresh token.
    """
    _authenticate(app, args, authorization)
    kind = args.text("grant_type") or ("refresh_token" if args.text("refresh_token") else "authorization_code")
    if kind == "authorization_code":
        return _exchange(store, app, args)
    if kind == "refresh_token":
        return _refresh(store, app, args)
    raise SlackRefusal("invalid_grant_type")


def _authenticate(app: Application, args: Arguments, authorization: str) -> None:
    client_id, secret = _basic(authorization) or (args.text("client_id"), args.text("client_secret"))
    if client_id != app.client_id:
        raise SlackRefusal("invalid_client_id")
    if not hmac.compare_digest(secret.encode(), app.client_secret.encode()):
        raise SlackRefusal("bad_client_secret")


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return client_id, secret


def _exchange(store: SandboxStore, app: Application, args: Arguments) -> dict[str, Any]:
    """Refusals: invalid_code (also for one older than ten minutes), oauth_authorization_url_mismatch, bad_redirect_uri,
    code_already_used. Like Slack's, a refused exchange leaves the code unused."""
    now = store.control.now()
    code = store.installations.code(args.text("code"))
    if code is None or code.client_id != app.client_id:
        raise SlackRefusal("invalid_code")
    if code.used_at is not None:
        raise SlackRefusal("code_already_used")
    if now - code.issued_at > CODE_S:
        raise SlackRefusal("invalid_code")
    if code.flow != "v2":
        raise SlackRefusal("oauth_authorization_url_mismatch")
    if args.text("redirect_uri") != code.redirect_uri:
        raise SlackRefusal("bad_redirect_uri")
    if not store.installations.use_code(code.code, now):
        raise SlackRefusal("code_already_used")
    installation = _install(store, code)
    return {**_issue(store, app, installation, now), "authed_user": {"id": code.user_id}}


def _install(store: SandboxStore, code: Code) -> Installation:
    rotates = store.control.switches().rotation
    return store.installations.install(code.team_id, code.enterprise_id, code.scopes, code.user_id, rotates=rotates)


def _refresh(store: SandboxStore, app: Application, args: Arguments) -> dict[str, Any]:
    """Refusals: invalid_refresh_token, also for a used one. The access token before lives on until it expires."""
    now = store.control.now()
    token = store.installations.token(args.text("refresh_token"))
    if token is None or token.kind != "refresh" or not store.installations.spend(token.token, now):
        raise SlackRefusal("invalid_refresh_token")
    store.installations.end_lasting(token.installation_id, now)
    return _issue(store, app, store.installations.get(token.installation_id), now)


def _issue(store: SandboxStore, app: Application, installation: Installation, now: float) -> dict[str, Any]:
    name = f"{secrets.randbelow(10**12):012d}-{secrets.randbelow(10**12):012d}-{secrets.token_urlsafe(18)}"
    answer = _answer(store, app, installation)
    if not installation.rotates:
        if lasting := store.installations.lasting_token(installation.id):
            return {**answer, "access_token": lasting}
        access_token = Token(f"xoxb-{name}", installation.id, "access", now, None, None)
        store.installations.issue(access_token, None, now)
        return {**answer, "access_token": access_token.token}
    access_token = Token(f"xoxe.xoxb-1-{name}", installation.id, "access", now, now + TOKEN_S, None)
    refresh_token = Token(f"xoxe-1-{secrets.token_urlsafe(48)}", installation.id, "refresh", now, None, None)
    store.installations.issue(access_token, refresh_token, now)
    tokens = {"access_token": access_token.token, "refresh_token": refresh_token.token, "expires_in": TOKEN_S}
    return {**answer, **tokens}


def _answer(store: SandboxStore, app: Application, installation: Installation) -> dict[str, Any]:
    workspace = store.workspaces.by_team(installation.team_id) if installation.team_id else None
    enterprise = store.workspaces.enterprise(installation.enterprise_id)
    bot = enterprise if workspace is None else workspace
    assert bot is not None, "an installation is in a workspace or in an organisation"
    return {
        "app_id": app.app_id,
        "token_type": "bot",
        "scope": installation.scopes,
        "bot_user_id": bot.bot_user_id,
        "team": {"id": workspace.team_id, "name": workspace.name} if workspace else None,
        "enterprise": {"id": enterprise.enterprise_id, "name": enterprise.name} if enterprise else None,
        "is_enterprise_install": installation.org_wide,
    }
