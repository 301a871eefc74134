"""Settings of the business: its name and time zone, how long messages are kept, one's own e-mail; and where the rest is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.tenants import export_repository, settings, settings_repository
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page
from konstruct.web.portal.settings import deletion, exporting, operators
from konstruct.web.portal.settings.view import SettingsView, shown

HOME = "/settings"
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_OVERVIEW))]


def router() -> APIRouter:
    """Return the routes under /settings, but those of the members."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("", change, methods=["POST"])
    routes.add_api_route("/mail", change_mail, methods=["POST"])
    exporting.add_routes(routes)
    operators.add_routes(routes)
    deletion.add_routes(routes)
    return routes


async def show(request: Request, visitor: Viewing, saved: str = "") -> Response:
    """Show the settings; what the role may not change is shown as text."""
    return await _page(request, visitor, saved=saved)


async def change(request: Request, visitor: Annotated[Visitor, Depends(require(Permission.MANAGE_SETTINGS))]) -> Response:
    """Store name, time zone and retention."""
    form = await form_of(request)
    entered = {field: form.get(field, "") for field in ("name", "time_zone", "retention")}
    try:
        changed = settings.clean(**entered)
        async with deps_of(request).db.tenant(visitor.scope) as session:
            await settings.change(session, changed, visitor.member.id)
    except settings.BusinessSettingError as error:
        return await _page(request, visitor, status=422, form=entered, errors={error.field: str(error)})
    return RedirectResponse(f"{HOME}?saved=business", status_code=303, headers=HEADERS)


async def change_mail(request: Request, visitor: Viewing) -> Response:
    """Store whether one wants notices by e-mail."""
    wanted = "notice_mail" in await form_of(request)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        await settings_repository.set_mail(session, visitor.member.id, wanted)
    return RedirectResponse(f"{HOME}?saved=mail#mail", status_code=303, headers=HEADERS)


async def _page(
    request: Request,
    visitor: Visitor,
    *,
    status: int = 200,
    saved: str = "",
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        name, time_zone, days = await settings_repository.read(session)
        wants_mail = await settings_repository.wants_mail(session, visitor.member.id)
        export = await export_repository.latest(session)
    stored = {"name": name, "time_zone": time_zone, "retention": "" if days is None else str(days)}
    zones = [(zone, zone.replace("_", " ")) for zone in settings.time_zones()]
    view = SettingsView(stored, form or stored, errors or {}, saved, wants_mail, zones, shown(export))
    return page("settings/settings.html", visitor, status, view=view)
