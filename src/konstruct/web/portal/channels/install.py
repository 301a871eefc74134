"""Add to Slack: to Slack's page of consent, and back with what was approved there.

The way back is a GET that Slack's page makes the browser send: what stands for a form's own proof is the state, which is
this sign-in's, holds for ten minutes and works once.
"""

from __future__ import annotations

from typing import Annotated, cast

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts, installs
from konstruct.channels.accounts import AccountTakenError, OwnOverlapError
from konstruct.channels.port_abilities import Grant, Installing, NotGranted
from konstruct.kit.errors import ConflictError
from konstruct.tenants.roles import Permission
from konstruct.web.deps import Deps, deps_of
from konstruct.web.portal.channels import install_words as words
from konstruct.web.portal.channels.install_words import Told
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

log = structlog.get_logger()

KIND = "slack"
_CODE_MAX = 1000
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))]


def router() -> APIRouter:
    """Return the routes under /oauth/slack."""
    routes = APIRouter(prefix="/oauth/slack")
    routes.add_api_route("/start", start, methods=["GET"])
    routes.add_api_route("/callback", callback, methods=["GET"])
    return routes


async def start(request: Request, visitor: Managing) -> Response:
    """Go to Slack's page of consent. A link on another site leads to our own page instead, where the button is."""
    deps = deps_of(request)
    if request.headers.get("sec-fetch-site") == "cross-site":
        return _to("/channels")
    if not _slack(deps).can_install:
        return _told(visitor, words.NOT_SET_UP)
    state = await installs.begin(deps.db, visitor.scope, visitor.session_id, KIND)
    return _to(_slack(deps).consent_url(state, redirect_uri(deps)))


async def callback(request: Request, visitor: Managing, code: str = "", state: str = "", error: str = "") -> Response:
    """Take what the page of consent says. Nothing is stored before the state is proved, and it is used up by that."""
    deps = deps_of(request)
    if not _slack(deps).can_install:
        return _told(visitor, words.NOT_SET_UP)
    refused = await installs.redeem(deps.db, visitor.scope, visitor.session_id, KIND, state)
    if refused is not None:
        log.info("install_state_refused", tenant_id=str(visitor.scope.tenant_id), reason=refused.value)
        return _told(visitor, words.STATES[refused])
    if error:
        log.info("install_declined", tenant_id=str(visitor.scope.tenant_id))
        return _told(visitor, words.DECLINED if error == "access_denied" else words.NOT_APPROVED)
    if not code or len(code) > _CODE_MAX or not code.isascii() or not code.isprintable():
        return _told(visitor, words.NOT_APPROVED)
    found = await _slack(deps).exchange(code, redirect_uri(deps))
    if isinstance(found, NotGranted):
        log.warning("install_not_granted", tenant_id=str(visitor.scope.tenant_id), code=found.code, unknown=found.unknown)
        return _told(visitor, words.of(found))
    return await _connect(deps, visitor, found)


async def _connect(deps: Deps, visitor: Visitor, grant: Grant) -> Response:
    # A token that is refused here is not taken back: the provider may have given another business the very same one.
    try:
        account_id = await accounts.connect_grant(deps.db, deps.vault, visitor.scope, kind=KIND, grant=grant)
    except AccountTakenError:
        return _told(visitor, words.TAKEN_ORGANISATION if grant.org_wide else words.TAKEN)
    except OwnOverlapError:
        return _told(visitor, words.OVERLAP_ORGANISATION if grant.org_wide else words.OVERLAP)
    except ConflictError:
        return _told(visitor, words.BUSY)
    return _to(f"/channels/{account_id}?done=installed")


def redirect_uri(deps: Deps) -> str:
    """Return where the page of consent leads back to: it must be the same at both steps, and the app's manifest names it."""
    return deps.settings.public_url.rstrip("/") + "/oauth/slack/callback"


def _slack(deps: Deps) -> Installing:
    return cast(Installing, deps.adapters[KIND])


def _told(visitor: Visitor, told: Told) -> Response:
    return page("channels/install.html", visitor, told.status, told=told)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)
