"""The Slack app that people install, as strict as the real one: its page of consent, and what its codes are redeemed for."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from aiohttp import web

CODE_LIFETIME_S = 600.0


@dataclass
class Place:
    """Where the app may be installed: a workspace, or a whole organisation."""

    team_id: str | None
    name: str
    bot_user_id: str = "UBOT9"
    enterprise_id: str | None = None
    token: str | None = None
    """None until it is installed, and after its token was revoked."""


@dataclass
class _Code:
    place: Place
    scopes: str
    redirect_uri: str
    made_at: float
    used: bool = False


@dataclass
class FakeApp:
    """`install` hears of every installation: (place, token)."""

    install: Callable[[Place, str], None]
    client_id: str = "4711.0815"
    client_secret: str = "app-secret-canary"
    app_id: str = "A1"
    rotates: bool = False
    clock: Callable[[], float] = time.time
    codes: dict[str, _Code] = field(default_factory=dict)
    refresh_tokens: set[str] = field(default_factory=set)

    def approve(self, consent_url: str, place: Place, *, without: str = "") -> str:
        """Press Allow on the page of consent, which `consent_url` must be a right address of; return where the browser goes
        then. `without` is a scope that the workspace does not give."""
        parts = urlsplit(consent_url)
        asked = {name: values[0] for name, values in parse_qs(parts.query, strict_parsing=True).items()}
        assert parts.path == "/oauth/v2/authorize" and asked.keys() == {"client_id", "scope", "state", "redirect_uri"}
        assert asked["client_id"] == self.client_id
        code = f"{secrets.token_hex(6)}.{secrets.token_hex(20)}"
        scopes = ",".join(scope for scope in asked["scope"].split(",") if scope != without)
        self.codes[code] = _Code(place, scopes, asked["redirect_uri"], self.clock())
        return f"{urlsplit(asked['redirect_uri']).path}?{urlencode({'code': code, 'state': asked['state']})}"

    def decline(self, consent_url: str) -> str:
        """Press Cancel; return where the browser goes then."""
        asked = dict(parse_qsl(urlsplit(consent_url).query))
        return f"{urlsplit(asked['redirect_uri']).path}?{urlencode({'error': 'access_denied', 'state': asked['state']})}"

    async def access(self, request: web.Request) -> dict[str, Any]:
        """oauth.v2.access."""
        form = dict(parse_qsl(await request.text()))
        given = _basic(request.headers.get("Authorization", "")) or (form.get("client_id", ""), form.get("client_secret", ""))
        if given[0] != self.client_id:
            return {"ok": False, "error": "invalid_client_id"}
        if given[1] != self.client_secret:
            return {"ok": False, "error": "bad_client_secret"}
        code = self.codes.get(form.get("code", ""))
        if code is None:
            return {"ok": False, "error": "invalid_code"}
        if code.used:
            return {"ok": False, "error": "code_already_used"}
        if self.clock() - code.made_at > CODE_LIFETIME_S:
            return {"ok": False, "error": "code_expired"}
        code.used = True
        if form.get("redirect_uri") != code.redirect_uri:
            return {"ok": False, "error": "bad_redirect_uri"}
        return self._granted(code)

    def _granted(self, code: _Code) -> dict[str, Any]:
        place, org_wide = code.place, code.place.team_id is None
        # Without rotation, an app that is installed again gets the token that it has already.
        if place.token is None or self.rotates:
            place.token = f"{'xoxe.xoxb' if self.rotates else 'xoxb'}-{secrets.token_hex(12)}-canary"
        self.install(place, place.token)
        answer: dict[str, Any] = {
            "ok": True,
            "app_id": self.app_id,
            "authed_user": {"id": "U_ADMIN"},
            "scope": code.scopes,
            "token_type": "bot",
            "access_token": place.token,
            "bot_user_id": place.bot_user_id,
            "team": None if org_wide else {"id": place.team_id, "name": place.name},
            "enterprise": {"id": place.enterprise_id, "name": f"{place.name} Org"} if place.enterprise_id else None,
            "is_enterprise_install": org_wide,
        }
        if self.rotates:
            answer |= {"refresh_token": f"xoxe-1-{secrets.token_hex(12)}-canary", "expires_in": 43200}
            self.refresh_tokens.add(answer["refresh_token"])
        return answer


def _basic(header: str) -> tuple[str, str] | None:
    if not header.startswith("Basic "):
        return None
    name, _, secret = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
    return name, secret
