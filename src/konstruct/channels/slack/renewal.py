"""Slack's answer to a refresh token: new tokens, or a word about what became of the old one."""

from __future__ import annotations

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Failed, Retry, Unknown
from konstruct.channels.port_abilities import Renewed, RenewOutcome
from konstruct.channels.slack import outcomes
from konstruct.channels.slack.client import Answer, NotWritten, SlackClient

GRANT_DEAD = frozenset(
    {
        "account_inactive",
        "app_not_installed",
        "invalid_auth",
        "invalid_grant",
        "invalid_refresh_token",
        "org_login_required",
        "team_not_found",
        "token_expired",
        "token_revoked",
    }
)
"""Codes after which this refresh token never works again: the installation has to be made anew. `invalid_refresh_token` is what
a used one gets. Source: docs.slack.dev/reference/methods/oauth.v2.access, "Errors"."""


async def renew(
    client: SlackClient, client_id: str, client_secret: SecretStr, refresh_token: str, timeout_s: float
) -> RenewOutcome:
    """Call oauth.v2.access once with grant_type=refresh_token. See `Renewing.renew`."""
    data = {
        "client_id": client_id,
        "client_secret": client_secret.get_secret_value(),
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
    }

    async def call(web: AsyncWebClient) -> object:
        # The app's own secret proves it, not a token. The SDK's method for it makes a header that aiohttp deprecates.
        return await web.api_call("oauth.v2.access", data=data)

    result = await client.call(call, None, timeout_s)
    if isinstance(result, NotWritten):
        return Retry(outcomes.UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if result.data.get("ok") is not True:
        return _refused(result)
    token, refresh, expires_in = (result.data.get(name) for name in ("access_token", "refresh_token", "expires_in"))
    if not (_is_token(token) and _is_token(refresh)) or isinstance(expires_in, bool) or not isinstance(expires_in, int):
        return Unknown("unreadable_answer")
    assert isinstance(token, str) and isinstance(refresh, str)
    return Renewed(token, refresh, float(max(0, expires_in)))


def _refused(answer: Answer) -> RenewOutcome:
    outcome = outcomes.refused(answer)
    if isinstance(outcome, Failed):
        return Failed(outcome.reason, account_broken=outcome.reason in GRANT_DEAD)
    return outcome


def _is_token(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 1000 and value.isascii() and value.isprintable() and " " not in value
