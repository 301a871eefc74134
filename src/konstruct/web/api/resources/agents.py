"""The employee, and the versions of what it was told."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, Field

from konstruct.db.database import Database
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.tenants import employees
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.employees import By, DraftError
from konstruct.tenants.employees_repository import Employee
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Cursor, Id, Limit, Page, example
from konstruct.web.api.problems import FieldsError
from konstruct.web.api.reading import parse_id, parse_number
from konstruct.web.api.resources.personas import NewPersonaVersion, PersonaVersion
from konstruct.web.api.writes import Writing, content_of
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_EMPLOYEE))]
Editing = Annotated[Caller, Depends(require(Permission.EDIT_EMPLOYEE))]
Number = Annotated[
    str, Path(description="The version's number, from 1.", examples=["3"], json_schema_extra={"pattern": "^[0-9]+$"})
]


class Agent(BaseModel):
    """An employee of the business. Every business has one."""

    model_config = example(
        id=ID, name="Ada", persona_version=3, changed_at="2026-03-01T09:00:00Z", model=None, context_limit_tokens=16000,
        reply_limit_tokens=1024,
    )  # fmt: skip

    id: UUID
    name: str
    persona_version: int = Field(description="The version in force.")
    changed_at: datetime = Field(description="When that version was saved.")
    model: str | None = Field(description="The language model it asks; null: the operator's default.")
    context_limit_tokens: int
    reply_limit_tokens: int


def router() -> APIRouter:
    """Return the routes of /agents."""
    routes = APIRouter(route_class=ApiRoute, tags=["agents"], prefix="/agents")
    add, versions = routes.add_api_route, "/{agent_id}/persona-versions"
    add("", index, methods=["GET"], response_model=Page[Agent], operation_id="list_agents", summary="List agents")
    add("/{agent_id}", show, methods=["GET"], response_model=Agent, operation_id="get_agent", summary="Read an agent")
    add(
        versions, list_versions, methods=["GET"], response_model=Page[PersonaVersion], operation_id="list_persona_versions",
        summary="List persona versions",
    )  # fmt: skip
    add(
        versions, create_version, methods=["POST"], response_model=PersonaVersion, operation_id="create_persona_version",
        summary="Save a persona version", status_code=201,
        responses={200: {"model": PersonaVersion, "description": "It is in force already."}},
    )  # fmt: skip
    add(
        f"{versions}/{{version}}", show_version, methods=["GET"], response_model=PersonaVersion,
        operation_id="get_persona_version", summary="Read a persona version",
    )  # fmt: skip
    return routes


async def index(request: Request, caller: Viewing, cursor: Cursor = None, limit: Limit = LIMIT) -> Page[Agent]:
    """List the employees of the business."""
    # There is one: no page has a next one, and so no cursor of this list was ever given.
    Places(caller.scope, "agents", (UUID,)).parse(cursor)
    async with deps_of(request).db.tenant(caller.scope) as session:
        return Page(items=[_agent(await employees.get_current(session))], next_cursor=None)


async def show(request: Request, caller: Viewing, agent_id: Id) -> Agent:
    """Return one employee as it is now."""
    async with deps_of(request).db.tenant(caller.scope) as session:
        return _agent(await _employee(session, agent_id))


async def list_versions(
    request: Request, caller: Viewing, agent_id: Id, cursor: Cursor = None, limit: Limit = LIMIT
) -> Page[PersonaVersion]:
    """List the versions of what the employee was told, the newest first."""
    places = Places(caller.scope, "persona-versions", (int,))
    [before] = places.parse(cursor) or (None,)
    async with deps_of(request).db.tenant(caller.scope) as session:
        now = (await _employee(session, agent_id)).current.number
        rows = await employees.list_versions(session, before=before, limit=limit + 1)
    kept, following = places.cut(rows, limit, lambda row: (row.number,))
    return Page(items=[PersonaVersion.of(row, now) for row in kept], next_cursor=following)


async def show_version(request: Request, caller: Viewing, agent_id: Id, version: Number) -> PersonaVersion:
    """Return one version."""
    number = parse_number(version)
    async with deps_of(request).db.tenant(caller.scope) as session:
        now = (await _employee(session, agent_id)).current.number
        return PersonaVersion.of(await employees.get_version(session, number), now)


async def create_version(request: Request, caller: Editing, agent_id: Id, body: NewPersonaVersion, once: Writing) -> Response:
    """Save what the employee is told as a new version, in force for the turns that start from now on.

    All of it is replaced: fields that are left out have their defaults. `based_on` is the version you began with; if
    another one is in force by now, nothing is changed (409). What is in force already makes no new version (200).
    """
    draft, author = body.draft(), By(caller.member.id, f"{caller.member.name} (API key “{caller.key_name}”)")

    async def work(db: Database) -> tuple[int, PersonaVersion]:
        async with db.tenant(caller.scope) as session:
            await _employee(session, agent_id)
            try:
                saved = await employees.save(db, caller.scope, draft, body.based_on, author, note=body.note)
            except DraftError as error:
                raise FieldsError({_NAMES.get(name, name): text for name, text in error.problems.items()}) from None
            version = await employees.get_version(session, saved.version)
        return (201 if saved.changed else 200), PersonaVersion.of(version, saved.version)

    return await once.do(content_of(body), work)


_NAMES = {"hours": "working_hours"}


async def _employee(session: TenantSession, agent_id: str) -> Employee:
    wanted, employee = parse_id(agent_id), await employees.get_current(session)
    if employee.agent_id != wanted:
        raise NotFoundError("this business has no such employee")
    return employee


def _agent(employee: Employee) -> Agent:
    current, limits = employee.current, employee.limits
    return Agent(
        id=employee.agent_id,
        name=current.draft.name,
        persona_version=current.number,
        changed_at=current.changed_at,
        model=limits.model,
        context_limit_tokens=limits.context_limit_tokens,
        reply_limit_tokens=limits.reply_limit_tokens,
    )
