"""`/sandbox/slack/api/{method}`: reads the request, checks the token, and answers as Slack does."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from konstruct.local.sandbox.slack import assistant, auth, chat, conversations, files, grants, people, streams, views
from konstruct.local.sandbox.slack.arguments import Arguments, read_arguments
from konstruct.local.sandbox.slack.call import Call, Slack
from konstruct.local.sandbox.slack.ephemeral import post_ephemeral
from konstruct.local.sandbox.slack.errors import RateLimited, SlackRefusal
from konstruct.local.sandbox.slack.faults import FaultOrder, Faults
from konstruct.local.sandbox.slack.scopes import need_scope
from konstruct.local.sandbox.slack.sessions import open_call

log = structlog.get_logger()

METHODS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "auth.test": auth.auth_test,
    "users.info": people.users_info,
    "chat.postMessage": chat.post_message,
    "chat.update": chat.update,
    "chat.delete": chat.delete,
    "conversations.replies": conversations.replies,
    "conversations.history": conversations.history,
    "conversations.info": conversations.info,
    "conversations.open": conversations.open_direct,
    "assistant.threads.setStatus": assistant.set_status,
    "assistant.threads.setSuggestedPrompts": assistant.set_suggested_prompts,
    "assistant.threads.setTitle": assistant.set_title,
    "chat.startStream": streams.start,
    "chat.appendStream": streams.append,
    "chat.stopStream": streams.stop,
    "files.info": files.info,
    "files.getUploadURLExternal": files.get_upload_url,
    "files.completeUploadExternal": files.complete_upload,
    "chat.postEphemeral": post_ephemeral,
    "views.open": views.open_view,
    "views.push": views.push_view,
    "views.update": views.update_view,
    "views.publish": views.publish,
}


_UNAUTHENTICATED = frozenset({"oauth.v2.access", "auth.revoke"})
"""Methods that look at their credentials themselves."""


def slack_api_router(slack: Slack, faults: Faults) -> APIRouter:
    """Return the routes of the Web API. `faults` says which of the next calls go wrong."""
    router = APIRouter(include_in_schema=False)

    @router.api_route("/sandbox/slack/api/{method}", methods=["GET", "POST"])
    async def web_api(method: str, request: Request) -> JSONResponse:
        body = await request.body()
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            if method not in METHODS and method not in _UNAUTHENTICATED:
                raise SlackRefusal("unknown_method")
            args = read_arguments(request.method, headers, dict(request.query_params), body)
            return await _answered(method, _carrier(slack, method, args, headers), faults)
        except SlackRefusal as refusal:
            log.debug("sandbox_slack_refused", method=method[:60], error=refusal.error)
            return _refuse(refusal, method)

    return router


def _carrier(slack: Slack, method: str, args: Arguments, headers: dict[str, str]) -> Callable[[], dict[str, Any]]:
    """Return what carries the call out. Raises SlackRefusal where its token does not open the method."""
    if method == "oauth.v2.access":
        return lambda: grants.access(slack.store, slack.app, args, headers.get("authorization", ""))
    if method == "auth.revoke":
        return lambda: auth.auth_revoke(slack, args)
    call = open_call(slack, method, args)
    need_scope(method, call.installation.scopes)
    return lambda: METHODS[method](call)


async def _answered(method: str, carry_out: Callable[[], dict[str, Any]], faults: Faults) -> JSONResponse:
    fault = faults.next(method)
    if fault is None:
        return _answer(carry_out())
    if fault.accept:
        carry_out()
    return await _fail(fault)


async def _fail(fault: FaultOrder) -> JSONResponse:
    if fault.answer == "429":
        return _refuse(RateLimited(max(1, round(fault.seconds))), "")
    if fault.answer == "error":
        raise SlackRefusal(fault.error)
    if fault.answer == "hang":
        await asyncio.sleep(fault.seconds)
        return JSONResponse({"ok": False, "error": "request_timeout"}, status_code=504)
    return JSONResponse({"ok": False, "error": "internal_error"}, status_code=int(fault.answer))


def _answer(values: dict[str, Any]) -> JSONResponse:
    return JSONResponse({"ok": True, **values}, headers=_headers())


def _refuse(refusal: SlackRefusal, method: str) -> JSONResponse:
    body: dict[str, Any] = {"ok": False, "error": refusal.error, **refusal.fields}
    if refusal.messages:
        body["response_metadata"] = {"messages": list(refusal.messages)}
    if refusal.error == "unknown_method":
        body["req_method"] = method
    if isinstance(refusal, RateLimited):
        return JSONResponse(body, status_code=429, headers={**_headers(), "Retry-After": str(refusal.retry_after_s)})
    return JSONResponse(body, headers=_headers())


def _headers() -> dict[str, str]:
    return {"X-Slack-Req-Id": secrets.token_hex(16), "Cache-Control": "private, no-cache, no-store, must-revalidate"}
