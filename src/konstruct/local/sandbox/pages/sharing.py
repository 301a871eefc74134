"""Files: a person shares some with a message, or fetches one that was shared."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import FormData, UploadFile

from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.local.sandbox.pages.acting import actor_of, done, field
from konstruct.local.sandbox.pages.guard import refuse_other_sites
from konstruct.local.sandbox.pages.render import HEADERS
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.speaking import say
from konstruct.local.sandbox.store import SandboxStore

FILES_MAX = 10
FILE_MAX = 20 * 1024 * 1024
"""Bytes of one file."""


def sharing_router(store: SandboxStore, sender: EventSender) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/sandbox", include_in_schema=False)

    @router.post("/files")
    async def share(request: Request) -> Response:
        """Say something with files: a form with `team`, `user`, `channel`, `text`, `thread_ts` and `files`."""
        refuse_other_sites(request)
        async with request.form(max_files=FILES_MAX) as form:
            try:
                actor = actor_of(store, sender, request, form)
                words = (actor.person.user_id, field(form, "channel"), field(form, "text"), field(form, "thread_ts") or None)
                said = say(store, sender, actor.workspace, *words, files=await _files(form))
            except NotFoundError as error:
                raise HTTPException(404, str(error)) from error
            except ConflictError as error:
                raise HTTPException(409, str(error)) from error
        return done(request, JSONResponse({"ts": said.ts}, status_code=201))

    @router.get("/files/{team_id}/{file_id}")
    async def fetch(team_id: str, file_id: str) -> Response:
        file = store.files.get(file_id)
        if file is None or not file.arrived or not _sees(store, team_id, file.channel_id):
            return Response(status_code=404)
        headers = {**HEADERS, "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
        return Response(store.files.content(file_id), media_type=file.mimetype, headers=headers)

    return router


async def _files(form: FormData) -> list[tuple[str, bytes]]:
    found = []
    for each in form.getlist("files"):
        if isinstance(each, UploadFile) and each.filename:
            content = await each.read(FILE_MAX + 1)
            if len(content) > FILE_MAX:
                raise ConflictError(f"{each.filename} is larger than {FILE_MAX // 1024 // 1024} MB")
            found.append((each.filename, content))
    return found


def _sees(store: SandboxStore, team_id: str, channel_id: str | None) -> bool:
    return bool(channel_id) and store.workspaces.channel(team_id, channel_id or "") is not None
