"""`/sandbox/slack/actions/…`: the addresses that interactions give the app to answer to."""

from __future__ import annotations

import json
from typing import Any

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from konstruct.local.sandbox.answering import answer
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.store import SandboxStore

log = structlog.get_logger()


def responses_router(store: SandboxStore, sender: EventSender) -> APIRouter:
    """Return the route. It asks for no token: the address itself is the secret."""
    router = APIRouter(include_in_schema=False)

    @router.post("/sandbox/slack/actions/{team}/{secret}")
    async def respond(team: str, secret: str, request: Request) -> JSONResponse:
        url = store.interactions.response_url(secret)
        if url is None or url.team_id != team:
            return _refuse("no_such_url", 404)
        if url.expires < store.control.now():
            return _refuse("expired_url", 404)
        body = _json(await request.body())
        if body is None:
            return _refuse("invalid_payload", 400)
        if not store.interactions.use_response_url(secret):
            return _refuse("used_url", 404)
        try:
            answer(store, sender, url, body)
        except SlackRefusal as refusal:
            return _refuse(refusal.error, 400)
        return JSONResponse({"ok": True})

    return router


def _json(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _refuse(error: str, status: int) -> JSONResponse:
    log.debug("sandbox_response_refused", error=error)
    return JSONResponse({"ok": False, "error": error}, status_code=status)
