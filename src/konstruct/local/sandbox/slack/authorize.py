"""`/sandbox/slack/oauth/…`: where the app sends a person to be asked, and what their answer leads to."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.local.sandbox.pages.render import CSP, page
from konstruct.local.sandbox.pages.routes import refuse_other_sites
from konstruct.local.sandbox.pages.scope_words import in_words
from konstruct.local.sandbox.slack.application import Application
from konstruct.local.sandbox.slack.oauth import AuthorizeRefusal, Consent, deny, grant, places, read_consent
from konstruct.local.sandbox.store import SandboxStore

PATHS = {"v2": "/sandbox/slack/oauth/v2/authorize", "v1": "/sandbox/slack/oauth/authorize"}
"""The page of each flow; a code from the old one is refused by oauth.v2.access."""
Decide = Callable[[], Response]


def authorize_router(store: SandboxStore, app: Application) -> APIRouter:
    """Return the routes of the consent page.

    GET shows it, POST takes the form: the request's own parameters in the address, and `decision` (`allow` or `cancel`),
    `place` (`T…` or `E…`) and `user` in the body. The answer leads back to the app.
    """
    router = APIRouter(include_in_schema=False)
    for flow, path in PATHS.items():
        _add(router, store, app, flow, path)
    return router


def _add(router: APIRouter, store: SandboxStore, app: Application, flow: str, path: str) -> None:
    @router.get(path)
    async def ask(request: Request) -> Response:
        def show() -> Response:
            consent = read_consent(app, request.query_params, flow)
            tints = {workspace.team_id: workspace.tint for workspace in store.workspaces.all()}
            shown = page(
                "authorize.html", consent=consent, places=places(store, consent), path=path, tints=tints, in_words=in_words
            )
            # Browsers hold the answer's redirect to the same rule, and the app may live at another address.
            back = urlsplit(consent.redirect_uri)
            allowed = f"form-action 'self' {back.scheme}://{back.netloc}"
            shown.headers["Content-Security-Policy"] = CSP.replace("form-action 'self'", allowed)
            return shown

        return _shown(show)

    @router.post(path)
    async def decide(request: Request) -> Response:
        refuse_other_sites(request)
        form = {name: str(value) for name, value in (await request.form()).items()}

        def go() -> Response:
            consent = read_consent(app, request.query_params, flow)
            return RedirectResponse(_decided(store, consent, form), status_code=302)

        return _shown(go)


def _decided(store: SandboxStore, consent: Consent, form: dict[str, str]) -> str:
    if form.get("decision") != "allow":
        return deny(consent)
    return grant(store, consent, form.get("place", ""), form.get("user", ""))


def _shown(decide: Decide) -> Response:
    try:
        return decide()
    except AuthorizeRefusal as refusal:
        return page("authorize_refused.html", 400, code=refusal.code, detail=refusal.detail)
