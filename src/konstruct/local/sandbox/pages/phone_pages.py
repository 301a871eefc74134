"""The pages of a phone, its live updates, and the files in its chats."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from konstruct.local.sandbox.meta.delivering import read
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import Number, Phone
from konstruct.local.sandbox.model import Change
from konstruct.local.sandbox.pages import phone_views as views
from konstruct.local.sandbox.pages.live import KEEP_ALIVE_S, POLL_S, STREAM_S
from konstruct.local.sandbox.pages.render import HEADERS, fragment, page

NOTHING_HERE = "There is no such phone."


def phone_router(meta: Meta) -> APIRouter:
    """Return the routes of the pages."""
    router = APIRouter(prefix="/sandbox", include_in_schema=False)

    @router.get("/p/{phone_id}")
    async def phone(phone_id: str) -> Response:
        found = meta.store.phones.get(phone_id)
        numbers = views.numbers_of(meta, found) if found else []
        if not numbers:
            return page("lost.html", 404, message=NOTHING_HERE)
        return RedirectResponse(views.phone_path(phone_id, numbers[0].phone_number_id), status_code=303)

    @router.get("/p/{phone_id}/{phone_number_id}")
    async def chat(phone_id: str, phone_number_id: str, quote: str = "", edit: str = "") -> HTMLResponse:
        """Show a chat: whoever opens it has read it."""
        found = _found(meta, phone_id, phone_number_id)
        return _chat_page(meta, *found, quote, edit) if found else page("lost.html", 404, message=NOTHING_HERE)

    @router.get("/phone/events")
    async def events(request: Request, phone: str, number: str, after: int = 0) -> StreamingResponse:
        found = _found(meta, phone, number)
        if found is None:
            raise HTTPException(404, "no such phone")
        seen = request.headers.get("last-event-id", "")
        start = int(seen) if seen.isdecimal() else after
        return StreamingResponse(_stream(meta, *found, start), media_type="text/event-stream", headers=HEADERS)

    @router.get("/phone/media/{media_id}")
    async def media(media_id: str, download: bool = False) -> Response:
        file = meta.store.media.get(media_id)
        if file is None:
            return Response(status_code=404)
        how = "attachment" if download else "inline"
        headers = {**HEADERS, "Content-Disposition": f"{how}; filename*=UTF-8''{_quoted(file.name)}"}
        return Response(meta.store.media.content(media_id), media_type=file.mime_type, headers=headers)

    return router


def _quoted(name: str) -> str:
    return quote(name)


def _found(meta: Meta, phone_id: str, phone_number_id: str) -> tuple[Phone, Number] | None:
    phone, number = meta.store.phones.get(phone_id), meta.store.businesses.number(phone_number_id)
    return (phone, number) if phone and number else None


def _chat_page(meta: Meta, phone: Phone, number: Number, quoted: str, edited: str) -> HTMLResponse:
    seq = meta.sandbox.messages.last_seq()
    read(meta, number, phone)
    notes = views.notes_of(meta, phone, number)
    _, portfolio = meta.store.businesses.owner(number)
    named = {note.wamid: note for note in notes}
    return page(
        "phone.html",
        view=views.phone_view(meta, phone, number.phone_number_id),
        phones=[views.phone_view(meta, each, number.phone_number_id) for each in meta.store.phones.all()],
        number=number,
        portfolio=portfolio,
        notes=notes,
        prompts=views.prompts_of(number),
        standing=views.standing_of(meta, phone, number),
        quoted=named.get(quoted),
        edited=named.get(edited),
        reactions=views.REACTIONS,
        place=place_fields(phone, number),
        seq=seq,
    )


def place_fields(phone: Phone, number: Number) -> dict[str, str]:
    """Return the hidden fields that say whose form it is."""
    return {"phone": phone.phone_id, "number": number.phone_number_id}


async def _stream(meta: Meta, phone: Phone, number: Number, after: int) -> AsyncIterator[str]:
    """Yield an event per changed message of the chat that is shown, one for what stands below it, and one for other chats."""
    yield f"retry: 500\nid: {after}\nevent: ready\ndata: {{}}\n\n"
    started = spoke = time.monotonic()
    hub = meta.sandbox.hub
    with hub.listen() as bell:
        while not hub.closed and time.monotonic() - started < STREAM_S:
            changes = meta.store.notes.changes(phone.phone_id, after)
            if changes:
                after, spoke = changes[-1].seq, time.monotonic()
                for name, data in _events(meta, phone, number, changes):
                    yield f"id: {after}\nevent: {name}\ndata: {json.dumps(data)}\n\n"
                continue
            if time.monotonic() - spoke > KEEP_ALIVE_S:
                spoke = time.monotonic()
                yield ": still here\n\n"
            await bell.heard(POLL_S)


def _events(meta: Meta, phone: Phone, number: Number, changes: list[Change]) -> list[tuple[str, dict[str, Any]]]:
    here = [change for change in changes if change.channel_id == number.phone_number_id]
    untaken, found = views.untaken_of(meta, number), []
    for wamid in dict.fromkeys(change.root_ts for change in here if change.root_ts):
        note = meta.store.notes.get(wamid)
        if note is None or not views.shown(note):
            continue
        view = views.note_view(meta, number, note, untaken)
        html = fragment("_note.html", note=view, place=place_fields(phone, number), reactions=views.REACTIONS)
        found.append(("note", {"key": view.key, "mine": view.mine, "words": view.words, "html": html}))
    if here:
        standing = views.standing_of(meta, phone, number)
        html = fragment("_standing.html", standing=standing, number=number, place=place_fields(phone, number))
        found.append(("standing", {"html": html}))
    elsewhere = {change.channel_id for change in changes} - {number.phone_number_id}
    found += [("elsewhere", {"number": name}) for name in sorted(elsewhere)]
    return found
