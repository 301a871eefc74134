"""The employee's page: what it is told, saved in versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.agents import tryouts_repository
from konstruct.agents.persona import persona_of, room_left
from konstruct.memory.window import CHARS_PER_TOKEN
from konstruct.tenants import employees
from konstruct.tenants.employees import DraftError, StaleError
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.employees_repository import Employee, Limits
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.employee import trying, versions
from konstruct.web.portal.employee.fields import Fields
from konstruct.web.portal.employee.views import EmployeeView, Stale, Talk
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

HOME = "/employee"
LEAST_ROOM = 1000
"""Tokens that must be left for what people write."""
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_EMPLOYEE))]
Editing = Annotated[Visitor, Depends(require(Permission.EDIT_EMPLOYEE))]


def router() -> APIRouter:
    """Return the routes under /employee."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("", save, methods=["POST"])
    routes.add_api_route("/limits", set_limits, methods=["POST"])
    trying.add_routes(routes, show_draft)
    versions.add_routes(routes)
    return routes


async def show(request: Request, visitor: Viewing, saved: str = "", same: str = "", limits: str = "") -> Response:
    """Show the employee as it is."""
    employee = await _employee(request, visitor)
    number = str(employee.current.number)
    told = ""
    if saved == number:
        told = f"Saved. From now on {employee.current.draft.name} answers as version {number} says."
    elif same == number:
        told = f"Version {number} says this already: there was nothing to save."
    elif limits:
        told = "The limits are saved."
    return await _page(request, visitor, employee, told=told)


async def save(request: Request, visitor: Editing) -> Response:
    """Put what the form says in force, as a new version."""
    deps, fields = deps_of(request), Fields.sent(await form_of(request))
    employee, draft = await _employee(request, visitor), fields.draft()
    try:
        _check_room(employee, draft)
        saved = await employees.save(deps.db, visitor.scope, draft, fields.based_on, visitor.member, note=fields.note)
    except DraftError as error:
        return await _page(request, visitor, employee, fields=fields, problems=error.problems, status=422)
    except StaleError as error:
        return await _page(request, visitor, await _employee(request, visitor), fields=fields, stale=error, status=409)
    word = "saved" if saved.changed else "same"
    return RedirectResponse(f"{HOME}?{word}={saved.version}", status_code=303, headers=HEADERS)


async def set_limits(request: Request, visitor: Editing) -> Response:
    """Say what the employee may use for an answer."""
    form = await form_of(request)
    values = {name: form.get(name, "").strip() for name in ("model", "context_limit_tokens", "reply_limit_tokens")}
    numbers = [_number(values[name]) for name in ("context_limit_tokens", "reply_limit_tokens")]
    try:
        await employees.set_limits(deps_of(request).db, visitor.scope, Limits(values["model"] or None, *numbers))
    except DraftError as error:
        employee = await _employee(request, visitor)
        return await _page(request, visitor, employee, problems=error.problems, limit_values=values, status=422)
    return RedirectResponse(f"{HOME}?limits=saved", status_code=303, headers=HEADERS)


async def show_draft(request: Request, visitor: Visitor, fields: Fields, talk: Talk, status: int) -> Response:
    """Show the form as it was sent, with the chat: for a browser without scripts, which tried the draft out."""
    employee = await _employee(request, visitor)
    return page("employee/employee.html", visitor, status, view=EmployeeView(employee, fields, talk, edits=True))


async def _employee(request: Request, visitor: Visitor) -> Employee:
    return await deps_of(request).db.run(visitor.scope, employees.get_current)


async def _page(
    request: Request,
    visitor: Visitor,
    employee: Employee,
    *,
    fields: Fields | None = None,
    problems: Mapping[str, str] | None = None,
    stale: StaleError | None = None,
    told: str = "",
    limit_values: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    deps = deps_of(request)
    tried = await deps.db.run(visitor.scope, lambda session: tryouts_repository.recent(session, visitor.member.id))
    view = EmployeeView(
        employee,
        fields or Fields.of(employee),
        Talk.of(tried, demo=deps.settings.llm_backend == "demo"),
        edits=visitor.may(Permission.EDIT_EMPLOYEE),
        problems=problems or {},
        stale=Stale.of(stale.current, fields.draft()) if stale and fields else None,
        told=told,
        limit_values=limit_values or {},
    )
    return page("employee/employee.html", visitor, status, view=view)


def _check_room(employee: Employee, draft: Draft) -> None:
    """Raise DraftError for a draft that leaves no room for a conversation: each of its answers would be an excuse."""
    persona = persona_of(employee.agent_id, 0, employee.business, draft, employee.limits)
    room = room_left(persona)
    if draft.instructions and room < LEAST_ROOM:
        too_long = (LEAST_ROOM - room) * CHARS_PER_TOKEN
        text = f"All of this together is more than the employee can keep in mind: shorten it by about {too_long:,} characters."
        raise DraftError({"instructions": text})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
