"""`/sandbox/meta/v25.0/…`: reads the request, finds what it asks for, and answers as the Graph API does."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from konstruct.local.sandbox.meta import account_calls, media_calls, number_calls, oauth_calls, sending, template_calls
from konstruct.local.sandbox.meta.application import APP_PATH, OLDEST
from konstruct.local.sandbox.meta.calls import Answer, GraphCall, Upload
from konstruct.local.sandbox.meta.errors import GraphError, unknown_object
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.slack.faults import FaultOrder

log = structlog.get_logger()
Carrier = Callable[[GraphCall], Answer]
BODY_MAX = 110 * 1024 * 1024
_VERSION = re.compile(r"v(\d{1,2})\.(\d)", re.ASCII)

FIXED: dict[tuple[str, tuple[str, ...]], Carrier] = {
    ("GET", ("oauth", "access_token")): oauth_calls.access_token,
    ("POST", ("oauth", "access_token")): oauth_calls.access_token,
    ("GET", ("debug_token",)): oauth_calls.debug_token,
    ("GET", ("me",)): oauth_calls.me,
    ("DELETE", ("me", "permissions")): oauth_calls.give_back,
}
EDGES: dict[tuple[str, str], Carrier] = {
    ("POST", "messages"): sending.messages,
    ("POST", "media"): media_calls.upload,
    ("POST", "register"): number_calls.register,
    ("POST", "deregister"): number_calls.deregister,
    ("GET", "whatsapp_business_profile"): number_calls.profile,
    ("GET", "phone_numbers"): account_calls.phone_numbers,
    ("GET", "subscribed_apps"): account_calls.subscribed_apps,
    ("POST", "subscribed_apps"): account_calls.subscribed_apps,
    ("DELETE", "subscribed_apps"): account_calls.subscribed_apps,
    ("GET", "message_templates"): template_calls.listed,
    ("POST", "message_templates"): template_calls.make,
    ("DELETE", "message_templates"): template_calls.delete,
}
FAULTED = {
    "whatsapp.messages": "Messages",
    "whatsapp.read": "Read and typing",
    "whatsapp.media": "Files",
    "whatsapp.number": "A number's standing",
    "whatsapp.account": "Accounts and portfolios",
    "whatsapp.templates": "Templates",
    "whatsapp.oauth": "Codes and tokens",
}
"""The groups of calls that can be made to fail, as the control panel names them."""


def graph_router(meta: Meta) -> APIRouter:
    """Return the routes of the Graph API, and of the files that it gives addresses of."""
    router = APIRouter(include_in_schema=False)

    @router.get(media_calls.FILES_PATH + "/{ticket}")
    async def download(ticket: str, request: Request) -> Response:
        """Give a file's bytes to a token that may have them, for five minutes."""
        call = GraphCall(meta, "GET", (ticket,), {}, _bearer(request))
        try:
            token, file = call.token(), meta.store.media.by_ticket(ticket, meta.now())
            number = meta.store.businesses.number(file.phone_number_id) if file else None
            if file is None or number is None or number.waba_id != token.waba_id:
                return Response(status_code=404)
        except GraphError as error:
            return _refuse(error)
        return Response(meta.store.media.content(file.media_id), media_type=file.mime_type)

    @router.api_route(APP_PATH + "/{version}/{path:path}", methods=["GET", "POST", "DELETE"])
    async def graph(version: str, path: str, request: Request) -> Response:
        try:
            call = await _read(meta, version, path, request)
            group, carry = _carrier(call)
            return await _answered(call, group, carry)
        except GraphError as error:
            log.debug("sandbox_meta_refused", method=request.method, code=error.code, subcode=error.subcode)
            return _refuse(error)

    return router


async def _read(meta: Meta, version: str, path: str, request: Request) -> GraphCall:
    found = _VERSION.fullmatch(version)
    if found is None:
        raise GraphError(2500, "", message=f"Unknown path components: /{version}")
    if (int(found[1]), int(found[2])) < OLDEST:
        raise GraphError(2635)
    values: dict[str, Any] = dict(request.query_params)
    upload = None
    if request.method != "GET":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            more, upload = await _multipart(request)
        else:
            more = _body(kind, await request.body())
        values |= more
    bearer = _bearer(request) or values.pop("access_token", None)
    return GraphCall(meta, request.method, tuple(filter(None, path.split("/"))), values, bearer, upload)


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() in ("bearer", "oauth") else None


def _body(kind: str, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        if kind == "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
        if kind == "application/json":
            values = json.loads(body)
            if isinstance(values, dict):
                return values
    except ValueError:
        pass
    raise GraphError(100, "", message="(#100) The request body is neither a JSON object nor a form.")


async def _multipart(request: Request) -> tuple[dict[str, Any], Upload | None]:
    values: dict[str, Any] = {}
    upload = None
    async with request.form(max_files=1) as form:
        for name, value in form.items():
            if isinstance(value, UploadFile):
                if name == "file":
                    upload = Upload(value.filename or "file", value.content_type or "", await value.read(BODY_MAX))
            else:
                values[name] = value
    return values, upload


def _carrier(call: GraphCall) -> tuple[str, Carrier]:
    """Return the group of a call, and what carries it out. Raises GraphError where there is nothing of the kind."""
    if (fixed := FIXED.get((call.method, call.path))) is not None:
        return "whatsapp.oauth", fixed
    if len(call.path) == 2 and (edge := EDGES.get((call.method, call.path[1]))) is not None:
        return _group(call), edge
    if len(call.path) == 1:
        return _object(call)
    if len(call.path) == 2:
        raise unknown_object(call.path[0], call.method.lower())
    raise GraphError(2500, "", message=f"Unknown path components: /{'/'.join(call.path[1:])}")


def _group(call: GraphCall) -> str:
    edge = call.path[1]
    if edge == "messages":
        return "whatsapp.read" if call.values.get("status") is not None else "whatsapp.messages"
    named = {"media": "media", "message_templates": "templates", "phone_numbers": "account", "subscribed_apps": "account"}
    return f"whatsapp.{named.get(edge, 'number')}"


def _object(call: GraphCall) -> tuple[str, Carrier]:
    store, name = call.meta.store, call.path[0]
    known: list[tuple[object, str, dict[str, Carrier]]] = [
        (store.businesses.number(name), "number", {"GET": number_calls.show, "POST": number_calls.change}),
        (store.businesses.account(name), "account", {"GET": account_calls.show_account}),
        (store.businesses.portfolio(name), "account", {"GET": account_calls.show_portfolio}),
        (store.templates.get(name), "templates", {"GET": template_calls.show, "POST": template_calls.change}),
        (store.media.get(name), "media", {"GET": media_calls.show, "DELETE": media_calls.delete}),
    ]
    for found, group, carriers in known:
        if found is not None and call.method in carriers:
            return f"whatsapp.{group}", carriers[call.method]
    call.token()
    raise unknown_object(name, call.method.lower())


async def _answered(call: GraphCall, group: str, carry: Carrier) -> Response:
    fault = call.meta.faults.next(group)
    if fault is None:
        return _answer(carry(call))
    if fault.answer == "later" and group == "whatsapp.messages":
        return _answer(sending.messages(call, _code(fault.error)[0] or 131000))
    if fault.accept:
        carry(call)
    return await _fail(fault)


async def _fail(fault: FaultOrder) -> Response:
    if fault.answer == "hang":
        await asyncio.sleep(fault.seconds)
        return JSONResponse({}, status_code=504)
    if fault.answer in ("500", "503"):
        return _refuse(GraphError(131000 if fault.answer == "500" else 2))
    code, subcode = (130429, None) if fault.answer == "429" else _code(fault.error)
    waits = {"Retry-After": str(max(1, round(fault.seconds)))} if fault.answer == "429" else {}
    return _refuse(GraphError(code, subcode=subcode), waits)


def _code(text: str) -> tuple[int, int | None]:
    """Return the code, and the subcode, of an order such as `131056` or `100/33`."""
    code, _, subcode = text.partition("/")
    return int(code) if code.isdecimal() else 131000, int(subcode) if subcode.isdecimal() else None


def _answer(values: Answer) -> Response:
    return JSONResponse(values, headers=_headers())


def _refuse(error: GraphError, more: dict[str, str] | None = None) -> Response:
    headers = {**_headers(), **(more or {})}
    if error.code in (4, 80007, 130429):
        use = {"type": "whatsapp", "call_count": 100, "estimated_time_to_regain_access": 1}
        headers["X-Business-Use-Case-Usage"] = json.dumps({"waba": [use]})
    if error.status == 401:
        words = error.message.replace('"', "'").encode("ascii", "ignore").decode()
        headers["WWW-Authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{words}"'
    return JSONResponse(error.body(), status_code=error.status, headers=headers)


def _headers() -> dict[str, str]:
    return {
        "facebook-api-version": "v25.0",
        "X-FB-Request-Id": "A" + secrets.token_urlsafe(12),
        "Cache-Control": "private, no-store",
    }
