"""The export: asked for, watched, downloaded."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse

from konstruct.kit.ids import parse_id
from konstruct.tenants import export_jobs, export_repository
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import is_htmx
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, fragment
from konstruct.web.portal.settings.view import shown

Exporting = Annotated[Visitor, Depends(require(Permission.EXPORT_DATA))]


def add_routes(routes: APIRouter) -> None:
    """Add the routes under /settings/export."""
    routes.add_api_route("/export", watch, methods=["GET"])
    routes.add_api_route("/export", ask, methods=["POST"])
    routes.add_api_route("/export/{export_id}/file", download, methods=["GET"])


async def watch(request: Request, visitor: Exporting) -> Response:
    """Show how far the newest export is: the section alone for htmx, which asks while it is under way."""
    if not is_htmx(request):
        return RedirectResponse("/settings#export", status_code=303, headers=HEADERS)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        export = await export_repository.latest(session)
    return fragment("settings/_export.html", visitor, export=shown(export))


async def ask(request: Request, visitor: Exporting) -> Response:
    """Ask for an export; while one is under way, that one is it."""
    async with deps_of(request).db.tenant(visitor.scope) as session:
        await export_jobs.ask(session, visitor.member.id)
        export = await export_repository.latest(session)
    if is_htmx(request):
        return fragment("settings/_export.html", visitor, export=shown(export))
    return RedirectResponse("/settings#export", status_code=303, headers=HEADERS)


async def download(request: Request, visitor: Exporting, export_id: str) -> Response:
    """Hand out the file of a finished export."""
    deps, which = deps_of(request), parse_id(export_id)
    async with deps.db.tenant(visitor.scope) as session:
        export = await export_jobs.finished(session, which)
    assert export.finished_at is not None
    headers = HEADERS | {
        "Content-Disposition": f'attachment; filename="konstruct-export-{export.finished_at:%Y-%m-%d}.zip"',
        "Content-Length": str(export.bytes),
    }
    return StreamingResponse(export_jobs.read_file(deps.db, visitor.scope, export), 200, headers, "application/zip")
