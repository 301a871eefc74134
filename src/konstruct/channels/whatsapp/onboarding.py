"""Connecting a number by Meta's Embedded Signup, and letting go of it: the calls, one method each.

The order in which they are made, and what is stored between them, is `channels/signups.py`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from konstruct.channels.port import Credential
from konstruct.channels.port_abilities import NotGranted
from konstruct.channels.port_signup import (
    NOT_COVERED,
    SEVERAL,
    WRONG_APP,
    Business,
    Number,
    Redeemed,
    SignupDialog,
    StepRefused,
)
from konstruct.channels.whatsapp import answers
from konstruct.channels.whatsapp.client import Answer, GraphClient, Lost, Result, sendable
from konstruct.channels.whatsapp.meta_app import MetaApp
from konstruct.channels.whatsapp.watching import Watching, inspected

NEEDS = {
    "whatsapp_business_management": "see and manage your WhatsApp account",
    "whatsapp_business_messaging": "send and receive messages with your number",
}
"""The rights that are asked for, each with what it is for."""
CALL_S = 10.0
_REVOKE_S = 5.0
NUMBERS_MAX = 50
"""Numbers of one business account that are looked at."""
_TOKEN_MAX = 1000
_GONE = ("100", "10", "200", "803")
"""Meta's codes for what does not exist, or is none of the token's business: it does not say which."""
_FIELDS = "id,display_phone_number,verified_name,code_verification_status,status,platform_type"


class Onboarding(Watching):
    """What the adapter does to connect a number. `_client` and `_app` are the adapter's."""

    _client: GraphClient
    _app: MetaApp

    @property
    def can_sign_up(self) -> bool:
        """See `SigningUp`."""
        return self._app.can_sign_up

    def dialog(self) -> SignupDialog:
        """See `SigningUp`."""
        return self._app.dialog()

    async def redeem(self, code: str) -> Redeemed | NotGranted:
        """See `SigningUp`. A code of the JavaScript dialog was given for no address, and none is named."""
        asked = {"client_id": self._app.id, "client_secret": self._app.secret, "code": code}
        result = await self._client.call("GET", "oauth/access_token", None, params=asked, timeout_s=CALL_S)
        if (refused := answers.refusal(result)) is not None:
            return NotGranted(refused[0], unknown=_unknown(result))
        assert isinstance(result, Answer)
        token = result.data.get("access_token")
        if not isinstance(token, str) or len(token) > _TOKEN_MAX or not sendable(token):
            return NotGranted(answers.UNREADABLE)
        return Redeemed(token, _seconds(result.data.get("expires_in")))

    async def examine(self, token: str, wanted: str | None) -> Business | NotGranted:
        """See `SigningUp`. Without an app of ours, what the token may read is what it covers."""
        covered: tuple[str, ...] | None = None
        scopes: frozenset[str] | None = None
        expires_in_s: float | None = None
        if self._app.known:
            data = await inspected(self._client, self._app, token)
            if isinstance(data, NotGranted):
                return data
            if data.get("is_valid") is not True:
                return NotGranted("invalid_auth")
            if str(data.get("app_id")) != self._app.id:
                return NotGranted(WRONG_APP)
            scopes = _scopes(data)
            if missing := sorted(NEEDS.keys() - scopes):
                return NotGranted(f"missing_{missing[0]}")
            covered = _covered(data)
            expires_in_s = _left(data.get("expires_at"))
        chosen = _choose(covered, wanted)
        if isinstance(chosen, NotGranted):
            return chosen
        return await self._business(token, chosen, scopes, expires_in_s)

    async def _business(
        self, token: str, waba: str, scopes: frozenset[str] | None, expires_in_s: float | None
    ) -> Business | NotGranted:
        account = await self._client.call("GET", waba, token, params={"fields": "id,name,owner_business_info"}, timeout_s=CALL_S)
        if (refused := answers.refusal(account)) is not None:
            return _not_readable(*refused)
        listed = {"fields": _FIELDS, "limit": str(NUMBERS_MAX)}
        numbers = await self._client.call("GET", f"{waba}/phone_numbers", token, params=listed, timeout_s=CALL_S)
        if (refused := answers.refusal(numbers)) is not None:
            return _not_readable(*refused)
        assert isinstance(account, Answer) and isinstance(numbers, Answer)
        if account.data.get("id") != waba:
            return NotGranted(NOT_COVERED)
        found = [_number(each) for each in answers.items(numbers.data, "data", NUMBERS_MAX)]
        owner = answers.identifier(answers.mapping(account.data, "owner_business_info"), "id")
        return Business(waba, tuple(each for each in found if each is not None), owner, scopes, expires_in_s)

    async def subscribe(self, business_account_id: str, token: str) -> StepRefused | None:
        """See `SigningUp`."""
        path = f"{business_account_id}/subscribed_apps"
        return _step(await self._client.call("POST", path, token, timeout_s=CALL_S))

    async def register(self, account_key: str, pin: str, token: str) -> StepRefused | None:
        """See `SigningUp`."""
        asked = {"messaging_product": "whatsapp", "pin": pin}
        return _step(await self._client.call("POST", f"{account_key}/register", token, json=asked, timeout_s=CALL_S))

    async def revoke(self, credential: Credential) -> str | None:
        """See `Revoking`: Meta delivers here no more. The token itself cannot be taken back; it is destroyed here."""
        if credential.business_account_id is None:
            return "no_business_account"
        path = f"{credential.business_account_id}/subscribed_apps"
        refused = answers.refusal(await self._client.call("DELETE", path, credential.token, timeout_s=_REVOKE_S))
        return None if refused is None else refused[0]


def _choose(covered: tuple[str, ...] | None, wanted: str | None) -> str | NotGranted:
    """Return the business account that is meant. `covered` None: whatever the token can read."""
    if wanted is not None:
        return wanted if covered is None or wanted in covered else NotGranted(NOT_COVERED)
    if covered is None or len(covered) != 1:
        return NotGranted(SEVERAL if covered else NOT_COVERED)
    return covered[0]


def _covered(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the business accounts that were granted; None where the grant names none, and is for all."""
    for each in answers.items(data, "granular_scopes", 100):
        if each.get("scope") == "whatsapp_business_management":
            listed = each.get("target_ids")
            return tuple(str(one) for one in listed[:200]) if isinstance(listed, list) else None
    return None


def _scopes(data: Mapping[str, Any]) -> frozenset[str]:
    listed = data.get("scopes")
    names = listed[:200] if isinstance(listed, list) else []
    return frozenset(each[:100] for each in names if isinstance(each, str) and each.isascii() and each.isprintable())


def _number(values: Mapping[str, Any]) -> Number | None:
    account_key = answers.identifier(values, "id")
    if account_key is None:
        return None
    registered = values.get("status") == "CONNECTED" and values.get("platform_type") == "CLOUD_API"
    phone = answers.digits(values, "display_phone_number")
    return Number(account_key, phone, answers.name_of(values, "verified_name"), registered)


def _step(result: Result) -> StepRefused | None:
    refused = answers.refusal(result)
    if refused is None:
        assert isinstance(result, Answer)
        return None if result.data.get("success") is True else StepRefused(answers.UNREADABLE, unknown=True)
    return StepRefused(refused[0], unknown=_unknown(result))


def _unknown(result: Result) -> bool:
    """Whether Meta may have done it all the same."""
    return isinstance(result, Lost) or (isinstance(result, Answer) and (result.status >= 500 or result.error is None))


def _not_readable(code: str, passing: bool) -> NotGranted:
    return NotGranted(NOT_COVERED if code in _GONE else code, unknown=passing)


def _left(expires_at: object) -> float | None:
    """Seconds until a moment of Meta's; it says 0 for never."""
    known = isinstance(expires_at, int) and not isinstance(expires_at, bool) and expires_at > 0
    return max(1.0, float(expires_at) - time.time()) if known else None  # type: ignore[arg-type]  # an int, by `known`


def _seconds(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9
    return float(value) if known else None  # type: ignore[arg-type]  # a number, by `known`
