"""The fake Graph API's onboarding: codes that work once, what a token covers, an app's subscription, registration with a PIN."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tests.support.fake_meta_errors import Reply, bad_token, gone, refuse

if TYPE_CHECKING:
    from tests.support.fake_meta import Call, FakeMeta

RIGHTS = ("whatsapp_business_management", "whatsapp_business_messaging")
CODE_S = 30.0


@dataclass
class Waba:
    """A WhatsApp Business Account: whose it is, and which numbers (ids) it has."""

    id: str
    numbers: list[str] = field(default_factory=list)
    name: str = "Shop's account"
    business_id: str | None = None
    subscribed: set[str] = field(default_factory=set)
    """The apps to which is delivered what happens in it."""


@dataclass
class Token:
    """What a token stands for."""

    wabas: tuple[str, ...]
    app_id: str
    scopes: tuple[str, ...] = RIGHTS
    expires_at: int = 0
    valid: bool = True
    subcode: int = 0
    """Of what is said of one that is not valid."""
    sees_business: bool = True
    """Whether it may read the company's verification."""
    named: bool = True
    """Whether the grant names what it is for."""
    listed: tuple[str, ...] | None = None
    """What it names, where that is less than the token can read."""


@dataclass
class SignupBooth:
    """The app, and everything that its dialog has given away."""

    app_id: str = "4711"
    config_id: str = "815"
    secret: str = "meta-app-secret-canary"
    wabas: dict[str, Waba] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    codes: dict[str, tuple[str, float, int | None]] = field(default_factory=dict)
    """Code: (token, when it was given, for how many seconds the token holds)."""
    used: set[str] = field(default_factory=set)
    pins: dict[str, str] = field(default_factory=dict)
    """PIN of a number's two-step verification, by the number's id."""
    registered: set[str] = field(default_factory=set)
    verification: dict[str, str] = field(default_factory=dict)
    """`verification_status` of companies."""
    offered: str | None = None
    """The business account that whoever clicks through the dialog approves."""
    opened: list[dict[str, str]] = field(default_factory=list)
    """With what the dialog was opened."""
    _count: int = 0

    def waba(self, waba_id: str, numbers: Sequence[str], business_id: str | None) -> Waba:
        """Add a business account."""
        self.wabas[waba_id] = Waba(waba_id, list(numbers), business_id=business_id)
        if business_id is not None:
            self.verification.setdefault(business_id, "not_verified")
        return self.wabas[waba_id]

    def approve(self, *wabas: str, expires_in: int | None = None, **token: Any) -> str:
        """Somebody approves in the dialog: return the code that it gives to the browser."""
        self._count += 1
        made = f"EAAcanary{self._count:04d}{wabas[0] if wabas else 'none'}"
        expires_at = int(time.time()) + expires_in if expires_in is not None else 0
        self.tokens[made] = replace(Token(wabas, self.app_id, expires_at=expires_at), **token)
        code = f"AQB-code-{self._count:04d}-{made[-6:]}"
        self.codes[code] = (made, time.monotonic(), expires_in)
        return code

    def token_of(self, code: str) -> str:
        """Return what a code is for."""
        return self.codes[code][0]


def answer(meta: FakeMeta, call: Call) -> Reply | None:
    """Answer what concerns onboarding; None for anything else."""
    booth = meta.signup
    match call.verb, call.path:
        case "GET", ("oauth", "access_token"):
            return _redeem(meta, booth, call)
        case "GET", ("debug_token",):
            return _debug(booth, call)
        case "GET", (waba_id,) if waba_id in booth.wabas:
            return _waba(booth, call, waba_id)
        case "GET", (waba_id, "phone_numbers"):
            return _numbers(meta, booth, call, waba_id)
        case _, (waba_id, "subscribed_apps"):
            return _subscription(booth, call, waba_id)
        case "POST", (phone_id, "register"):
            return _register(meta, booth, call, phone_id)
        case "GET", (business_id,) if business_id in booth.verification:
            return _business(booth, call, business_id)
    return None


def _redeem(meta: FakeMeta, booth: SignupBooth, call: Call) -> Reply:
    asked = call.query
    if asked.get("client_id") != booth.app_id:
        raise refuse(101, "Error validating application. Cannot get application info due to a system error.")
    if asked.get("client_secret") != booth.secret:
        raise refuse(1, "Error validating client secret.")
    code = asked.get("code", "")
    if code not in booth.codes:
        raise refuse(100, "Invalid verification code format.")
    token, given_at, expires_in = booth.codes[code]
    if code in booth.used:
        raise refuse(100, "This authorization code has been used.", subcode=36009)
    if time.monotonic() - given_at > CODE_S:
        raise refuse(100, "This authorization code has expired.", subcode=36007)
    if asked.get("redirect_uri"):
        raise refuse(100, "Error validating verification code: redirect_uri is not that of the dialog.", subcode=36008)
    booth.used.add(code)
    for number in meta.numbers:
        if number.waba_id in booth.tokens[token].wabas:
            number.token = token
    return {"access_token": token, "token_type": "bearer"} | ({"expires_in": expires_in} if expires_in is not None else {})


def _debug(booth: SignupBooth, call: Call) -> Reply:
    if call.token != f"{booth.app_id}|{booth.secret}":
        raise refuse(190, "Invalid OAuth access token signature.", status=401)
    known = booth.tokens.get(call.query.get("input_token", ""))
    if known is None:
        return {"data": {"is_valid": False, "scopes": [], "error": {"code": 190, "message": "Malformed access token"}}}
    if not known.valid:
        error = {"code": 190, "subcode": known.subcode, "message": "Error validating access token"}
        return {"data": {"app_id": known.app_id, "is_valid": False, "scopes": [], "error": error}}
    targets = {"target_ids": list(known.wabas if known.listed is None else known.listed)} if known.named else {}
    return {
        "data": {
            "app_id": known.app_id,
            "type": "SYSTEM_USER",
            "application": "Konstruct",
            "is_valid": True,
            "expires_at": known.expires_at,
            "data_access_expires_at": 0,
            "issued_at": int(time.time()),
            "scopes": [*known.scopes, "public_profile"],
            "granular_scopes": [{"scope": each} | targets for each in known.scopes],
            "user_id": "122100000000000000",
        }
    }


def _waba(booth: SignupBooth, call: Call, waba_id: str) -> Reply:
    waba = _owned(booth, call, waba_id)
    known: dict[str, Any] = {"id": waba.id, "name": waba.name}
    if waba.business_id is not None:
        known["owner_business_info"] = {"id": waba.business_id, "name": "The company"}
    return {name: known[name] for name in ["id", *call.query.get("fields", "id,name").split(",")] if name in known}


def _numbers(meta: FakeMeta, booth: SignupBooth, call: Call, waba_id: str) -> Reply:
    waba = _owned(booth, call, waba_id)
    listed = []
    for number in meta.numbers:
        if number.phone_id in waba.numbers:
            ready = number.phone_id in booth.registered
            listed.append(
                {
                    "id": number.phone_id,
                    "display_phone_number": f"+{number.digits[:2]} {number.digits[2:]}",
                    "verified_name": number.name,
                    "code_verification_status": number.fields.get("code_verification_status", "VERIFIED"),
                    "status": "CONNECTED" if ready else "PENDING",
                    "platform_type": "CLOUD_API" if ready else "NOT_APPLICABLE",
                }
            )
    return {"data": listed, "paging": {}}


def _subscription(booth: SignupBooth, call: Call, waba_id: str) -> Reply:
    waba = _owned(booth, call, waba_id)
    app = booth.tokens[call.token].app_id
    if call.verb == "POST":
        waba.subscribed.add(app)
    elif call.verb == "DELETE":
        waba.subscribed.discard(app)
    else:
        listed = [
            {"whatsapp_business_api_data": {"id": each, "name": "Konstruct", "link": ""}} for each in sorted(waba.subscribed)
        ]
        return {"data": listed}
    return {"success": True}


def _register(meta: FakeMeta, booth: SignupBooth, call: Call, phone_id: str) -> Reply:
    number = meta.number(phone_id)
    known = _known(booth, call)
    if number is None or number.waba_id not in known.wabas:
        raise gone(phone_id)
    pin = call.body.get("pin")
    if call.body.get("messaging_product") != "whatsapp" or not isinstance(pin, str) or not re.fullmatch(r"[0-9]{6}", pin):
        raise refuse(100, "Param pin must be 6 digits")
    if number.fields.get("code_verification_status") == "NOT_VERIFIED":
        raise refuse(133006, "Phone number needs to be verified before registering")
    if booth.pins.setdefault(phone_id, pin) != pin:
        raise refuse(133005, "Two step verification PIN Mismatch")
    booth.registered.add(phone_id)
    return {"success": True}


def _business(booth: SignupBooth, call: Call, business_id: str) -> Reply:
    known = _known(booth, call)
    owned = {booth.wabas[each].business_id for each in known.wabas if each in booth.wabas}
    if business_id not in owned:
        raise gone(business_id)
    if not known.sees_business:
        raise refuse(10, "Application does not have permission for this action", status=403)
    return {"id": business_id, "verification_status": booth.verification[business_id]}


def _owned(booth: SignupBooth, call: Call, waba_id: str) -> Waba:
    known = _known(booth, call)
    if waba_id not in booth.wabas or waba_id not in known.wabas:
        raise gone(waba_id)
    return booth.wabas[waba_id]


def _known(booth: SignupBooth, call: Call) -> Token:
    known = booth.tokens.get(call.token)
    if known is None:
        raise bad_token()
    if not known.valid:
        raise refuse(190, "Error validating access token", status=401, subcode=known.subcode or None)
    return known
