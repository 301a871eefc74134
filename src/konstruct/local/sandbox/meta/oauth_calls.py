"""`oauth/access_token`, `debug_token`, and giving a token back."""

from __future__ import annotations

import hmac
import secrets

from konstruct.local.sandbox.meta.application import APP_ID, SCOPES
from konstruct.local.sandbox.meta.calls import Answer, GraphCall
from konstruct.local.sandbox.meta.errors import GraphError, missing
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.tokens import MetaToken


def access_token(call: GraphCall) -> Answer:
    """Make a business token of a code, once and within thirty seconds."""
    client, secret = str(call.values.get("client_id") or ""), str(call.values.get("client_secret") or "")
    if client != call.meta.app.app_id:
        raise GraphError(
            101, "", message="Error validating application. Cannot get application info due to a system error.", status=400
        )
    if not _same(secret, call.meta.app.secret):
        raise GraphError(1, "", message="Error validating client secret.", status=400)
    code = str(call.values.get("code") or "")
    if not code:
        raise missing("code")
    store, now = call.meta.store, call.meta.now()
    waba_id = store.tokens.use_code(code, now)
    if waba_id is None:
        raise GraphError(100, "", message="Invalid verification code format.", subcode=36009)
    if waba_id in ("used", "late"):
        words = "This authorization code has been used." if waba_id == "used" else "This authorization code has expired."
        raise GraphError(100, "", message=words, subcode=36009 if waba_id == "used" else 36007)
    account = store.businesses.account(waba_id)
    assert account is not None, "a code is made for an account"
    token = MetaToken("EAA" + secrets.token_urlsafe(60), account.business_id, waba_id, SCOPES, now, None, None)
    store.tokens.put(token)
    return {"access_token": token.token, "token_type": "bearer"}


def debug_token(call: GraphCall) -> Answer:
    """Tell what a token opens, to somebody with the app's own token (or with the token itself)."""
    held = call.bearer or ""
    asked = str(call.values.get("input_token") or "")
    if not asked:
        raise missing("input_token")
    if not _same(held, f"{call.meta.app.app_id}|{call.meta.app.secret}"):
        call.token()
    token, now = call.meta.store.tokens.get(asked), call.meta.now()
    if token is None:
        return {"data": {"error": _trouble("Invalid OAuth access token", 0), "is_valid": False, "scopes": []}}
    return {"data": _facts(call.meta, token, now)}


def _facts(meta: Meta, token: MetaToken, now: float) -> Answer:
    scopes = token.scopes.split(",")
    facts: Answer = {
        "app_id": APP_ID,
        "type": "SYSTEM_USER",
        "application": meta.app.name,
        "data_access_expires_at": 0,
        "expires_at": int(token.expires_at or 0),
        "is_valid": True,
        "issued_at": int(token.issued_at),
        "scopes": scopes,
        "granular_scopes": [{"scope": scope, "target_ids": [token.waba_id]} for scope in scopes],
        "user_id": f"1220{token.business_id[-8:]}",
    }
    if token.revoked_at is not None:
        return {**facts, "is_valid": False, "error": _trouble("The user has not authorized application.", 458)}
    if token.expires_at is not None and token.expires_at <= now:
        return {**facts, "is_valid": False, "error": _trouble("Session has expired.", 463)}
    return facts


def _trouble(words: str, subcode: int) -> Answer:
    return {"code": 190, "message": f"Error validating access token: {words}", "subcode": subcode}


def give_back(call: GraphCall) -> Answer:
    """`DELETE /me/permissions`: the token opens nothing any more, and the account is no longer heard."""
    token, store = call.token(), call.meta.store
    store.tokens.revoke(token.token, call.meta.now())
    account = store.businesses.account(token.waba_id)
    if account is not None and not store.tokens.of_account(token.waba_id):
        store.businesses.change(account, subscribed=False)
    return {"success": True}


def me(call: GraphCall) -> Answer:
    """Return who the token stands for."""
    token = call.token()
    portfolio = call.meta.store.businesses.portfolio(token.business_id)
    return {"id": f"1220{token.business_id[-8:]}", "name": f"Konstruct at {portfolio.name if portfolio else ''}"}


def _same(given: str, known: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())
