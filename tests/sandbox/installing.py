"""Installs the app in the sandbox, as a browser and the app's server do together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from aiohttp import encode_basic_auth

from konstruct.local.sandbox.slack.application import CLIENT_ID, CLIENT_SECRET
from tests.sandbox.support import Listener, Sandbox

SCOPES = "chat:write,assistant:write,channels:history,channels:read,im:history,im:write,users:read,files:read,files:write"


@dataclass
class Installer:
    """`callback` is the app's registered redirect address."""

    sandbox: Sandbox
    callback: str

    @classmethod
    def of(cls, sandbox: Sandbox, listener: Listener) -> Installer:
        return cls(sandbox, listener.url + "/oauth/slack/callback")

    def query(self, **changes: str) -> dict[str, str]:
        asked = {"client_id": CLIENT_ID, "scope": SCOPES, "redirect_uri": self.callback, "state": "s1", **changes}
        return {name: value for name, value in asked.items() if value}

    async def page(self, flow: str = "v2/authorize", **changes: str) -> tuple[int, str]:
        url = f"{self.sandbox.url}/sandbox/slack/oauth/{flow}"
        async with self.sandbox.http.get(url, params=self.query(**changes)) as response:
            return response.status, await response.text()

    async def decide(
        self, place: str, user: str, decision: str = "allow", flow: str = "v2/authorize", **changes: str
    ) -> tuple[str, dict[str, str]]:
        """Send the consent form; return the address it leads to and its parameters, or the refusing page's text."""
        url, form = f"{self.sandbox.url}/sandbox/slack/oauth/{flow}", {"place": place, "user": user, "decision": decision}
        asked = self.query(**changes)
        async with self.sandbox.http.post(url, params=asked, data=form, allow_redirects=False) as response:
            if response.status != 302:
                return f"{response.status} {await response.text()}", {}
            target = urlsplit(response.headers["Location"])
            return target._replace(query="").geturl(), dict(parse_qsl(target.query))

    async def access(self, auth: tuple[str, str] | None = (CLIENT_ID, CLIENT_SECRET), **form: str) -> dict[str, Any]:
        """Call oauth.v2.access; without `auth` the credentials are up to `form`."""
        headers = {"Authorization": encode_basic_auth(*auth)} if auth else {}
        url = f"{self.sandbox.url}/sandbox/slack/api/oauth.v2.access"
        async with self.sandbox.http.post(url, data=form, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    async def install(self, place: str, user: str, **changes: str) -> dict[str, Any]:
        """Return the answer of oauth.v2.access after `user` allowed it."""
        _, back = await self.decide(place, user, **changes)
        return await self.access(code=back["code"], redirect_uri=self.callback)

    async def refresh(self, token: str) -> dict[str, Any]:
        return await self.access(grant_type="refresh_token", refresh_token=token)

    async def control(self, what: str, **order: Any) -> Any:
        async with self.sandbox.http.post(f"{self.sandbox.url}/sandbox/control/{what}", json=order) as response:
            assert response.status == 200, await response.text()
            return await response.json()
