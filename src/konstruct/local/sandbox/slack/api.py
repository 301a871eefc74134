"""`/sandbox/slack/api/{method}`: reads the request, checks the token, and answers as Slack does."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from konstruct.local.sandbox.slack import chat, conversations, people, views
from konstruct.local.sandbox.slack.arguments import read_arguments
from konstruct.local.sandbox.slack.call import Call, Slack
from konstruct.local.sandbox.slack.ephemeral import post_ephemeral
from konstruct.local.sandbox.slack.errors import RateLimited, SlackRefusal
from konstruct.local.sandbox.slack.faults import FaultOrder, Faults

log = structlog.get_logger()

METHODS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "auth.test": people.auth_test,
    "users.info": people.users_info,
    "chat.postMessage": chat.post_message,
    "chat.update": chat.update,
    "chat.delete": chat.delete,
    "conversations.replies": conversations.replies,
    "conversations.history": conversations.history,
    "conversations.info": conversations.info,
    "conversations.open": conversations.open_direct,
    "assistant.threads.setStatus": conversations.set_status,
    "chat.postEphemeral": post_ephemeral,
    "views.open": views.open_view,
    "views.push": views.push_view,
    "views.update": views.update_view,
    "views.publish": views.publish,
}


def slack_api_router(slack: Slack, faults: Faults) -> APIRouter:
    """Return the routes of the Web API. `faults` says which of the next calls go wrong."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/sandbox/slack/api/{method}", methods=["GET", "POST"])
    async def web_api(method: str, request: Request) -> JSONResponse:
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            call = _authenticate(slack, method, request.method, headers, dict(request.query_params), body)
            return await _carry_out(call, faults)
        except SlackRefusal as refusal:
            log.debug("sandbox_slack_refused", method=method[:60], error=refusal.error)
            return _refuse(refusal, method)

    return router


def _authenticate(slack: Slack, method: str, verb: str, headers: dict[str, str], query: dict[str, str], body: bytes) -> Call:
    if method not in METHODS:
        raise SlackRefusal("unknown_method")
    args = read_arguments(verb, headers, query, body)
    if not args.token:
        raise SlackRefusal("not_authed")
    workspace = slack.store.workspaces.by_token(args.token)
    if workspace is None:
        raise SlackRefusal("invalid_auth")
    return Call(method, slack, workspace, args)


async def _carry_out(call: Call, faults: Faults) -> JSONResponse:
    fault = faults.next(call.method)
    if fault is None:
        return _answer(METHODS[call.method](call))
    if fault.accept:
        METHODS[call.method](call)
    return await _fail(fault)


async def _fail(fault: FaultOrder) -> JSONResponse:
    if fault.answer == "429":
        return _refuse(RateLimited(max(1, round(fault.seconds))), "")
    if fault.answer == "hang":
        await asyncio.sleep(fault.seconds)
        return JSONResponse({"ok": False, "error": "request_timeout"}, status_code=504)
    return JSONResponse({"ok": False, "error": "internal_error"}, status_code=int(fault.answer))


def _answer(values: dict[str, Any]) -> JSONResponse:
    return JSONResponse({"ok": True, **values}, headers=_headers())


def _refuse(refusal: SlackRefusal, method: str) -> JSONResponse:
    body: dict[str, Any] = {"ok": False, "error": refusal.error}
    if refusal.messages:
        body["response_metadata"] = {"messages": list(refusal.messages)}
    if refusal.error == "unknown_method":
        body["req_method"] = method
    if isinstance(refusal, RateLimited):
        return JSONResponse(body, status_code=429, headers={**_headers(), "Retry-After": str(refusal.retry_after_s)})
    return JSONResponse(body, headers=_headers())


def _headers() -> dict[str, str]:
    return {"X-Slack-Req-Id": secrets.token_hex(16), "Cache-Control": "private, no-cache, no-store, must-revalidate"}
