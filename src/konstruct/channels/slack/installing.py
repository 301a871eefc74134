"""Installing by a click: Slack's page of consent, what its code is redeemed for, whose a token is, and taking one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

import structlog
from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Credential
from konstruct.channels.port_abilities import Grant, NotGranted
from konstruct.channels.slack import manifest, outcomes, payload
from konstruct.channels.slack.client import Answer, NotWritten, Result, SlackClient
from konstruct.kit.settings import Settings
from konstruct.kit.text import storable

log = structlog.get_logger()

ACCESS_TIMEOUT_S = 10.0
REVOKE_TIMEOUT_S = 5.0
UNREADABLE = "unreadable_answer"
_ANSWER_LOST = frozenset({"fatal_error", "internal_error", "request_timeout", "service_unavailable"})
_TOKEN_MAX = 1000
_SCOPES_MAX = 200


def authorize_url(api_url: str) -> str:
    """Return the page of consent beside the Web API: `https://slack.com/api/` has `https://slack.com/oauth/v2/authorize`."""
    parts = urlsplit(api_url)
    path = parts.path.rstrip("/").removesuffix("/api")
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/oauth/v2/authorize", "", ""))


class SlackInstalls:
    """The app of this house, if it has one. The secret stands in the one call that needs it, and in no log."""

    def __init__(self, settings: Settings, client: SlackClient) -> None:
        self._client = client
        self._page = authorize_url(settings.slack_api_url)
        self._client_id = settings.slack_client_id or ""
        self._client_secret = settings.slack_client_secret or SecretStr("")

    @property
    def ready(self) -> bool:
        """Whether people can be sent to the page of consent."""
        return bool(self._client_id and self._client_secret.get_secret_value())

    def consent_url(self, state: str, redirect_uri: str) -> str:
        """See `Installing.consent_url`."""
        asked = {"client_id": self._client_id, "scope": ",".join(manifest.NEEDS), "state": state, "redirect_uri": redirect_uri}
        return f"{self._page}?{urlencode(asked)}"

    async def access(self, fields: Mapping[str, str]) -> Result:
        """Call oauth.v2.access once, with the app's id and secret beside `fields`."""

        async def call(web: AsyncWebClient) -> object:
            # In the body, as Slack's client for JavaScript has it. The Python one's own method sends them as a header, which
            # not everybody who speaks Slack's protocol reads, and makes it with a class that aiohttp deprecates.
            secret = self._client_secret.get_secret_value()
            body = {"client_id": self._client_id, "client_secret": secret, **fields}
            return await web.api_call("oauth.v2.access", data=body)

        return await self._client.call(call, None, ACCESS_TIMEOUT_S)

    async def exchange(self, code: str, redirect_uri: str) -> Grant | NotGranted:
        """See `Installing.exchange`."""
        result = await self.access({"code": code, "redirect_uri": redirect_uri})
        if not isinstance(result, Answer):
            return NotGranted(result.reason, unknown=not isinstance(result, NotWritten))
        if result.data.get("ok") is not True:
            error = "ratelimited" if result.status == 429 else outcomes.code(result)
            return NotGranted(error, unknown=result.status >= 500 or error in _ANSWER_LOST)
        try:
            return granted(result.data)
        except ValueError as error:
            log.warning("slack.grant_unreadable", reason=str(error))
            return NotGranted(UNREADABLE)


def granted(data: Mapping[str, Any]) -> Grant:
    """Return what an answer of oauth.v2.access grants. Raises ValueError, without content, for one that is not in its form.

    The account is what events route by: the organisation's id where all of it was granted, else the workspace's.
    """
    answer = dict(data)
    if answer.get("token_type", "bot") != "bot":
        raise ValueError("this is not the token of a bot")
    team, enterprise = payload.mapping(answer, "team"), payload.mapping(answer, "enterprise")
    org_wide = answer.get("is_enterprise_install") is True
    owner = enterprise if org_wide else team
    lifetime = answer.get("expires_in")
    if lifetime is not None and (isinstance(lifetime, bool) or not isinstance(lifetime, int | float) or not 0 < lifetime < 1e9):
        raise ValueError("expires_in is not a number of seconds")
    return Grant(
        account_key=payload.need_identifier(owner, "id"),
        token=_token(answer, "access_token"),
        app_id=payload.identifier(answer, "app_id"),
        bot_user_id=payload.need_identifier(answer, "bot_user_id"),
        account_name=storable(payload.text(owner, "name").strip()),
        enterprise_id=payload.identifier(enterprise, "id"),
        org_wide=org_wide,
        scopes=scopes_of(payload.text(answer, "scope")),
        refresh_token=_token(answer, "refresh_token") if answer.get("refresh_token") else None,
        expires_in_s=None if lifetime is None else float(lifetime),
    )


async def identify(client: SlackClient, token: str, timeout_s: float) -> Grant | str:
    """See `Identifying.identify`."""
    result = await client.call(lambda web: web.auth_test(), token, timeout_s)
    if not isinstance(result, Answer):
        return result.reason
    if result.data.get("ok") is not True:
        return outcomes.code(result)
    data = dict(result.data)
    enterprise = payload.identifier(data, "enterprise_id")
    org_wide = data.get("is_enterprise_install") is True and enterprise is not None
    key = enterprise if org_wide else payload.identifier(data, "team_id")
    name = data.get("team")
    return Grant(
        account_key=key or "",
        token=token,
        bot_user_id=payload.identifier(data, "user_id"),
        account_name=storable(name.strip()) if isinstance(name, str) else "",
        enterprise_id=enterprise,
        org_wide=org_wide,
        scopes=None if result.scopes is None else scopes_of(result.scopes),
    )


async def revoke(client: SlackClient, credential: Credential) -> str | None:
    """See `Revoking.revoke`."""
    result = await client.call(lambda web: web.auth_revoke(), credential.token, REVOKE_TIMEOUT_S)
    if not isinstance(result, Answer):
        return result.reason
    return None if result.data.get("ok") is True else outcomes.code(result)


def scopes_of(text: str) -> frozenset[str]:
    """Return the scopes in Slack's list of them."""
    return frozenset(part[:100] for part in (each.strip() for each in text.split(",")[:_SCOPES_MAX]) if part.isascii() and part)


def _token(answer: dict[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_MAX or not value.isascii() or not value.isprintable():
        raise ValueError(f"{name} is missing or not a token")
    return value
