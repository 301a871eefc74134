"""The pages of the sandbox, and the calls that they make."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, StreamingResponse
from pydantic import BaseModel

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.audience import audience
from konstruct.local.sandbox.commanding import command, is_command
from konstruct.local.sandbox.interacting import Actor
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.model import Workspace
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pages.live import Watcher, stream
from konstruct.local.sandbox.pages.phone_views import phone_view
from konstruct.local.sandbox.pages.render import HEADERS, page, static_files
from konstruct.local.sandbox.pages.room import Tab, room_page
from konstruct.local.sandbox.pages.views import Cast
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


def pages_router(store: SandboxStore, sender: EventSender, meta: Meta) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(prefix="/sandbox", include_in_schema=False)
    _add_pages(router, store, meta)
    _add_mail(router, store)
    _add_calls(router, store, sender)
    return router


def _add_pages(router: APIRouter, store: SandboxStore, meta: Meta) -> None:
    @router.get("")
    async def home() -> HTMLResponse:
        cards = [(w, Cast.of(store, w), audience(store, w) is not None) for w in store.workspaces.all()]
        phones = [phone_view(meta, phone) for phone in store.meta.phones.all()]
        return page("home.html", cards=cards, phones=phones, mails=len(store.records.mails()))

    @router.get("/b/{slug}")
    async def business(slug: str) -> Response:
        workspace = store.workspaces.by_slug(slug)
        people = store.workspaces.people(workspace.team_id) if workspace else []
        direct = store.workspaces.direct(people[0].team_id, people[0].user_id) if people else None
        if direct is None:
            return page("lost.html", 404, message=NOTHING_HERE)
        return RedirectResponse(f"/sandbox/b/{slug}/{direct.channel_id}", status_code=303)

    @router.get("/b/{slug}/{channel_id}")
    async def room(slug: str, channel_id: str, speaker: str = Query("", alias="as"), tab: str = "") -> HTMLResponse:
        workspace = store.workspaces.by_slug(slug)
        shown: Tab = "home" if tab == "home" else "messages"
        found = room_page(store, workspace, channel_id, speaker, shown) if workspace else None
        return found or page("lost.html", 404, message=NOTHING_HERE)

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in static_files():
            return Response(status_code=404)
        content, kind = static_files()[name]
        # The address carries a version (see static_version), so a kept copy is never stale.
        return Response(content, media_type=kind, headers={**HEADERS, "Cache-Control": "public, max-age=31536000, immutable"})


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
    async def events(request: Request, team: str, channel: str = "", user: str = "", after: int = 0) -> StreamingResponse:
        workspace = store.workspaces.by_team(team)
        if workspace is None:
            raise HTTPException(404, "no such workspace")
        seen = request.headers.get("last-event-id", "")
        start = int(seen) if seen.isdecimal() else after
        watcher = Watcher(store, workspace, channel, user)
        return StreamingResponse(stream(watcher, start), media_type="text/event-stream", headers=HEADERS)

    @router.post("/messages")
    async def messages(request: Request, words: Words) -> JSONResponse:
        refuse_other_sites(request)
        workspace = store.workspaces.by_team(words.team)
        if workspace is None:
            raise HTTPException(404, "no such workspace")
        try:
            if is_command(words.text):
                return await _command(store, sender, request, workspace, words)
            message = say(store, sender, workspace, words.user, words.channel, words.text, words.thread_ts)
        except NotFoundError as error:
            raise HTTPException(404, str(error)) from error
        except ConflictError as error:
            raise HTTPException(409, str(error)) from error
        return JSONResponse({"ts": message.ts, "thread_ts": message.thread_ts}, status_code=201)


async def _command(
    store: SandboxStore, sender: EventSender, request: Request, workspace: Workspace, words: Words
) -> JSONResponse:
    person = store.workspaces.person(workspace.team_id, words.user)
    channel = store.workspaces.channel(workspace.team_id, words.channel)
    if person is None or channel is None or channel.user_id not in (None, person.user_id):
        raise NotFoundError("this workspace has no such person or channel")
    actor = Actor(store, sender, workspace, person, str(request.base_url).rstrip("/"))
    await command(actor, channel, words.text.strip(), words.thread_ts)
    return JSONResponse({}, status_code=201)
