"""`/sandbox/slack/files/…` gives a file's bytes to the app's token, `/sandbox/slack/upload/…` takes an upload's."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse

from konstruct.local.sandbox.model import StoredFile
from konstruct.local.sandbox.pages.render import page
from konstruct.local.sandbox.slack.arguments import Arguments, read_arguments
from konstruct.local.sandbox.slack.call import Slack
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.file_shapes import FILES_PATH, UPLOAD_PATH
from konstruct.local.sandbox.slack.files import UPLOAD_MAX, visible
from konstruct.local.sandbox.slack.scopes import need_scope
from konstruct.local.sandbox.slack.sessions import open_call

ELSEWHERE_PATH = "/sandbox/slack/elsewhere"


@dataclass(slots=True)
class Elsewhere:
    """What the other host saw that a file's address redirects to, where the switch says so."""

    requests: int = 0
    with_token: int = 0
    """How many of them brought the app's token along."""


def files_router(slack: Slack, elsewhere: Elsewhere) -> APIRouter:
    """Return the routes of files."""
    router = APIRouter(include_in_schema=False)
    _add_downloads(router, slack)
    _add_elsewhere(router, elsewhere)
    _add_uploads(router, slack)
    return router


def _add_downloads(router: APIRouter, slack: Slack) -> None:
    @router.get(FILES_PATH + "/{team_id}-{file_id}/{name:path}")
    async def download(team_id: str, file_id: str, name: str, request: Request) -> Response:
        file = slack.store.files.get(file_id)
        if file is None or file.team_id != team_id or not file.arrived or not _may_read(slack, file, request):
            # Slack shows its sign-in page, and says 200.
            return page("sign_in.html")
        if slack.store.control.switches().file_redirect:
            own = urlsplit(str(request.base_url))
            host = "localhost" if own.hostname != "localhost" else "127.0.0.1"
            return RedirectResponse(f"{own.scheme}://{host}:{own.port}{ELSEWHERE_PATH}/{quote(file.name)}", status_code=302)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
        return Response(slack.store.files.content(file_id), media_type=file.mimetype, headers=headers)


def _may_read(slack: Slack, file: StoredFile, request: Request) -> bool:
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        token = read_arguments("GET", headers, {}, b"").token
        call = open_call(slack, "files.info", Arguments({"team_id": ""}, token))
        need_scope("files.info", call.installation.scopes)
    except SlackRefusal:
        return False
    return visible(call, file)


def _add_elsewhere(router: APIRouter, elsewhere: Elsewhere) -> None:
    @router.get(ELSEWHERE_PATH + "/{name:path}")
    async def other_host(name: str, request: Request) -> Response:
        elsewhere.requests += 1
        elsewhere.with_token += "authorization" in request.headers
        return PlainTextResponse("from another host")

    @router.get("/sandbox/control/elsewhere")
    async def seen() -> dict[str, int]:
        """Return what the other host saw."""
        return {"requests": elsewhere.requests, "with_token": elsewhere.with_token}


def _add_uploads(router: APIRouter, slack: Slack) -> None:
    @router.post(UPLOAD_PATH + "/{ticket}")
    async def upload(ticket: str, request: Request) -> Response:
        """Take the raw bytes of an upload, once; as many as were announced."""
        announced = slack.store.files.by_ticket(ticket)
        if announced is None:
            return PlainTextResponse("invalid upload ticket", status_code=404)
        content = bytearray()
        async for piece in request.stream():
            content += piece
            if len(content) > UPLOAD_MAX:
                break
        if len(content) != announced.size or not slack.store.files.fill(ticket, bytes(content)):
            return PlainTextResponse("length mismatch", status_code=400)
        return PlainTextResponse(f"OK - {announced.size}")
