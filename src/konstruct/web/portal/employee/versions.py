"""The employee's versions: who changed what, and back to one of them."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.tenants import employees, employees_diff
from konstruct.tenants.employees_repository import Version
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.employee.views import VersionsView, VersionView
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

PAGE = 20
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_EMPLOYEE))]
Editing = Annotated[Visitor, Depends(require(Permission.EDIT_EMPLOYEE))]


def add_routes(routes: APIRouter) -> None:
    """Add what is under /employee/versions."""
    routes.add_api_route("/versions", list_all, methods=["GET"])
    routes.add_api_route("/versions/{number}", show, methods=["GET"])
    routes.add_api_route("/versions/{number}/restore", restore, methods=["POST"])


async def list_all(request: Request, visitor: Viewing, before: str = "") -> Response:
    """Show who changed what, newest first."""
    below = _number(before) if before else None

    async def work(session: TenantSession) -> tuple[int, list[Version]]:
        current = (await employees.get_current(session)).current.number
        # One more than is shown: the last one's changes are those since it.
        return current, await employees.list_versions(session, before=below, limit=PAGE + 1)

    current, found = await deps_of(request).db.run(visitor.scope, work)
    return page("employee/versions.html", visitor, view=VersionsView.of(current, found, PAGE))


async def show(request: Request, visitor: Viewing, number: str, against: str = "") -> Response:
    """Show a version and what it changed; `against=current` shows what differs from the one in force."""
    wanted = _number(number)

    async def work(session: TenantSession) -> tuple[Version, Version | None, int]:
        current = (await employees.get_current(session)).current
        version = await employees.get_version(session, wanted)
        if against == "current" and wanted != current.number:
            return version, current, current.number
        return version, await employees.get_version(session, wanted - 1) if wanted > 1 else None, current.number

    version, other, current = await deps_of(request).db.run(visitor.scope, work)
    # Long texts take a while to compare, and one loop serves everybody.
    changes = await asyncio.to_thread(employees_diff.compare, other.draft, version.draft) if other else []
    whole = [(label, text) for label, text in employees_diff.told(version.draft) if text]
    view = VersionView(version, current, other.number if other else None, changes, whole)
    return page("employee/version.html", visitor, view=view)


async def restore(request: Request, visitor: Editing, number: str) -> Response:
    """Put a new version in force that says what an old one says."""
    based_on = _number((await form_of(request)).get("based_on", ""))
    saved = await employees.restore(deps_of(request).db, visitor.scope, _number(number), based_on, visitor.member)
    return RedirectResponse(f"/employee?{'saved' if saved.changed else 'same'}={saved.version}", status_code=303, headers=HEADERS)


def _number(text: str) -> int:
    """Return a version's number. Raises NotFoundError for what is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotFoundError("there is no such version")
    return int(text)
