"""What Meta is asked about a number from time to time: who owns it, when its token ends, whether the business is verified."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Literal

from konstruct.channels.port import Credential
from konstruct.channels.port_abilities import NotGranted
from konstruct.channels.port_signup import NotTold, Verified
from konstruct.channels.whatsapp import answers
from konstruct.channels.whatsapp.client import Answer, GraphClient, Result
from konstruct.channels.whatsapp.meta_app import MetaApp
from konstruct.channels.whatsapp.token_codes import token_word

LOOK_S = 10.0
_WORD = re.compile(r"[a-z0-9_]{1,60}", re.ASCII)
_State = Literal["not_started", "submitted", "approved", "rejected"]
_STATES: dict[str, _State] = {
    "verified": "approved",
    "pending": "submitted",
    "pending_need_more_info": "submitted",
    "pending_submission": "not_started",
    "not_verified": "not_started",
    "expired": "not_started",
    "revoked": "rejected",
    "rejected": "rejected",
    "failed": "rejected",
    "ineligible": "rejected",
}
"""Meta's words (Business, `verification_status`)."""


class Watching:
    """See `Watched`. `_client` and `_app` are the adapter's."""

    _client: GraphClient
    _app: MetaApp

    async def portfolio_of(self, credential: Credential) -> str | NotTold | None:
        """See `Watched`."""
        if credential.business_account_id is None:
            return NotTold("no_business_account", for_good=True)
        fields = {"fields": "id,owner_business_info"}
        result = await self._client.call("GET", credential.business_account_id, credential.token, params=fields, timeout_s=LOOK_S)
        if (not_told := _not_told(result)) is not None:
            return not_told
        assert isinstance(result, Answer)
        return answers.identifier(answers.mapping(result.data, "owner_business_info"), "id")

    async def lifetime(self, token: str) -> float | NotTold | None:
        """See `Watched`."""
        if not self._app.known:
            return NotTold("no_app", for_good=True)
        data = await inspected(self._client, self._app, token)
        if isinstance(data, NotGranted):
            return NotTold(data.code, for_good=not data.unknown)
        if data.get("is_valid") is not True:
            return NotTold(_why_invalid(data), token_over=True)
        ends = data.get("expires_at")
        if not isinstance(ends, int) or isinstance(ends, bool) or ends <= 0:
            return None
        return float(ends) - time.time()

    async def verification(self, portfolio_id: str, token: str) -> Verified | NotTold:
        """See `Watched`. Meta tells it to who may see the business; a token for the number alone may not."""
        fields = {"fields": "verification_status"}
        result = await self._client.call("GET", portfolio_id, token, params=fields, timeout_s=LOOK_S)
        if (not_told := _not_told(result)) is not None:
            return not_told
        assert isinstance(result, Answer)
        said = result.data.get("verification_status")
        if not isinstance(said, str) or not _WORD.fullmatch(said.lower()):
            return NotTold("no_verification_status", for_good=True)
        # A word that is new is no approval.
        return Verified(_STATES.get(said.lower(), "not_started"), said.lower())

    async def delivered_here(self, credential: Credential) -> bool | NotTold:
        """See `Watched`."""
        if credential.business_account_id is None:
            return NotTold("no_business_account", for_good=True)
        path = f"{credential.business_account_id}/subscribed_apps"
        result = await self._client.call("GET", path, credential.token, timeout_s=LOOK_S)
        if (not_told := _not_told(result)) is not None:
            return not_told
        assert isinstance(result, Answer)
        apps = [answers.mapping(each, "whatsapp_business_api_data").get("id") for each in answers.items(result.data, "data", 100)]
        return self._app.id in apps if self._app.id else bool(apps)


async def inspected(client: GraphClient, app: MetaApp, token: str) -> Mapping[str, Any] | NotGranted:
    """Return what Meta knows of a token (`debug_token`), asked as the app."""
    result = await client.call("GET", "debug_token", app.token, params={"input_token": token}, timeout_s=LOOK_S)
    if (refused := answers.refusal(result)) is not None:
        # What is wrong here is the app's own token, never the one that is looked at.
        code = "wrong_app_secret" if isinstance(result, Answer) and token_word(result.error) else refused[0]
        return NotGranted(code, unknown=refused[1])
    assert isinstance(result, Answer)
    return answers.mapping(result.data, "data")


def _why_invalid(data: Mapping[str, Any]) -> str:
    subcode = answers.mapping(data, "error").get("subcode")
    return "token_expired" if subcode == 463 else "token_revoked"


def _not_told(result: Result) -> NotTold | None:
    refused = answers.refusal(result)
    if refused is None:
        return None
    over = isinstance(result, Answer) and token_word(result.error) is not None
    return NotTold(refused[0], for_good=not refused[1] and not over, token_over=over)
