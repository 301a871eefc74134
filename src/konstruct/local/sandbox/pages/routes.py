"""The pages of the sandbox, and the calls that they make."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.businesses import BUSINESSES
from konstruct.local.sandbox.model import Workspace
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pages.live import stream
from konstruct.local.sandbox.pages.render import HEADERS, page, static_files
from konstruct.local.sandbox.pages.views import Cast, people_views, threads_of
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.speaking import say
from konstruct.local.sandbox.store import SandboxStore

__all__ = ["Words", "pages_router", "refuse_other_sites"]
NOTHING_HERE = "There is nothing at this address."


class Words(BaseModel):
    """What a person says: `thread_ts` makes it a reply."""

    team: str
    user: str
    channel: str
    text: str
    thread_ts: str | None = None


def pages_router(store: SandboxStore, sender: EventSender) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(prefix="/sandbox", include_in_schema=False)
    _add_pages(router, store)
    _add_mail(router, store)
    _add_calls(router, store, sender)
    return router


def _add_pages(router: APIRouter, store: SandboxStore) -> None:
    @router.get("")
    async def home() -> HTMLResponse:
        cards = [(w, Cast.of(store, w)) for w in store.workspaces.all()]
        return page("home.html", cards=cards, mails=len(store.records.mails()))

    @router.get("/b/{slug}")
    async def business(slug: str) -> Response:
        workspace = store.workspaces.by_slug(slug)
        people = store.workspaces.people(workspace.team_id) if workspace else []
        direct = store.workspaces.direct(people[0].team_id, people[0].user_id) if people else None
        if direct is None:
            return page("lost.html", 404, message=NOTHING_HERE)
        return RedirectResponse(f"/sandbox/b/{slug}/{direct.channel_id}", status_code=303)

    @router.get("/b/{slug}/{channel_id}")
    async def room(slug: str, channel_id: str, speaker: str = Query("", alias="as")) -> HTMLResponse:
        workspace = store.workspaces.by_slug(slug)
        found = _room(store, workspace, channel_id, speaker) if workspace else None
        return found or page("lost.html", 404, message=NOTHING_HERE)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in static_files():
            return Response(status_code=404)
        content, kind = static_files()[name]
        # The address carries a version (see static_version), so a kept copy is never stale.
        return Response(content, media_type=kind, headers={**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"})


def _room(store: SandboxStore, workspace: Workspace, channel_id: str, speaker_id: str) -> HTMLResponse | None:
    """Return the page of one channel, or None where this workspace has no such channel."""
    seq = store.messages.last_seq()
    channel = store.workspaces.channel(workspace.team_id, channel_id)
    people = store.workspaces.people(workspace.team_id)
    if channel is None or not people:
        return None
    speaker_id = channel.user_id or speaker_id
    speaker = next((person for person in people if person.user_id == speaker_id), people[0])
    business = next((b for b in BUSINESSES if b.workspace.team_id == workspace.team_id), None)
    return page(
        "room.html",
        workspace=workspace,
        channel=channel,
        channels=store.workspaces.channels(workspace.team_id),
        direct=store.workspaces.direct(workspace.team_id, speaker.user_id),
        directs={person.user_id: store.workspaces.direct(workspace.team_id, person.user_id) for person in people},
        people=people_views(people),
        speaker=speaker,
        employee=Cast.of(store, workspace).employee,
        prompts=business.prompts if business else (),
        threads=threads_of(store, workspace, channel),
        seq=seq,
    )


def _add_mail(router: APIRouter, store: SandboxStore) -> None:
    @router.get("/mail")
    async def mailbox() -> HTMLResponse:
        mails = store.records.mails()
        return page("mail.html", mails=mails, opened=None)

    @router.get("/mail/{mail_id}")
    async def mail(mail_id: int) -> HTMLResponse:
        opened = store.records.mail(mail_id)
        if opened is None:
            return page("lost.html", 404, message="This e-mail does not exist.")
        return page("mail.html", mails=store.records.mails(), opened=opened)


def _add_calls(router: APIRouter, store: SandboxStore, sender: EventSender) -> None:
    @router.get("/events")
    async def events(request: Request, team: str, channel: str = "", after: int = 0) -> StreamingResponse:
        workspace = store.workspaces.by_team(team)
        if workspace is None:
            raise HTTPException(404, "no such workspace")
        seen = request.headers.get("last-event-id", "")
        start = int(seen) if seen.isdecimal() else after
        return StreamingResponse(stream(store, workspace, channel, start), media_type="text/event-stream", headers=HEADERS)

    @router.post("/messages")
    async def messages(request: Request, words: Words) -> JSONResponse:
        refuse_other_sites(request)
        workspace = store.workspaces.by_team(words.team)
        if workspace is None:
            raise HTTPException(404, "no such workspace")
        try:
            message = say(store, sender, workspace, words.user, words.channel, words.text, words.thread_ts)
        except NotFoundError as error:
            raise HTTPException(404, str(error)) from error
        except ConflictError as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse({"ts": message.ts, "thread_ts": message.thread_ts}, status_code=201)
