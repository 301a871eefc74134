"""What we compare ourselves with: Slack's Bolt for Python, which verifies a delivery, acknowledges it and stores nothing.

`python -m bench.bolt PORT` with KONSTRUCT_SLACK_SIGNING_SECRET set. Same HTTP server and options as `konstruct web`.
"""

from __future__ import annotations

import os
import sys

import uvicorn
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.events import PATH


async def authorize(**_: object) -> AuthorizeResult:
    # Bolt would ask Slack's auth.test, or its installation store: neither belongs into this comparison.
    return AuthorizeResult(enterprise_id=None, team_id="T0000", bot_user_id="UBOT", bot_id="B0000", bot_token="xoxb-bench")


def create_app(secret: str) -> Starlette:
    """Return Bolt's app with one listener that does nothing."""
    bolt = AsyncApp(signing_secret=secret, authorize=authorize)

    @bolt.event("message")
    async def listen() -> None:
        return None

    handler = AsyncSlackRequestHandler(bolt)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route(PATH, events, methods=["POST"])])


if __name__ == "__main__":
    uvicorn.run(
        create_app(os.environ["KONSTRUCT_SLACK_SIGNING_SECRET"]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=75,
        backlog=2048,
    )
