"""The chat beside the form: questions to the draft as it stands there, which nobody else sees."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from konstruct.agents import tryouts_repository
from konstruct.agents.persona import persona_of
from konstruct.agents.try_out import BusyError, TryOut
from konstruct.kit.errors import KonstructError, SettingsError
from konstruct.tenants import employees
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.employee.fields import Fields
from konstruct.web.portal.employee.views import Talk
from konstruct.web.portal.forms import form_of, is_htmx
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import fragment

Editing = Annotated[Visitor, Depends(require(Permission.EDIT_EMPLOYEE))]
ShowDraft = Callable[[Request, Visitor, Fields, Talk, int], Awaitable[Response]]
"""Shows the whole page with a form that is not saved."""


class CannotTryError(KonstructError):
    """The draft cannot be asked as it stands."""


def add_routes(routes: APIRouter, show_draft: ShowDraft) -> None:
    """Add what is under /employee/try."""

    async def ask(request: Request, visitor: Editing) -> Response:
        """Ask the draft that the form holds; wait for its answer."""
        form = await form_of(request)
        fields, question = Fields.sent(form), form.get("example", "") or form.get("question", "").strip()
        problem, status = "", 200
        try:
            await _ask(request, visitor, fields, question)
        except BusyError as error:
            problem, status = str(error), 429
        except KonstructError as error:
            problem, status = str(error), 422
        talk = await _talk(request, visitor, problem, question if problem else "")
        return await answer(request, visitor, fields, talk, status)

    async def forget(request: Request, visitor: Editing) -> Response:
        """Begin the chat anew."""
        fields = Fields.sent(await form_of(request))
        async with deps_of(request).db.tenant(visitor.scope) as session:
            await tryouts_repository.forget(session, visitor.member.id)
        return await answer(request, visitor, fields, await _talk(request, visitor), 200)

    async def look(request: Request, visitor: Editing) -> Response:
        """Show the chat: for a page that was opened while the draft thinks."""
        return fragment("employee/_talk.html", visitor, talk=await _talk(request, visitor))

    async def answer(request: Request, visitor: Visitor, fields: Fields, talk: Talk, status: int) -> Response:
        if is_htmx(request):
            return fragment("employee/_talk.html", visitor, status, talk=talk)
        return await show_draft(request, visitor, fields, talk, status)

    routes.add_api_route("/try", ask, methods=["POST"])
    routes.add_api_route("/try", look, methods=["GET"])
    routes.add_api_route("/try/forget", forget, methods=["POST"])


async def _ask(request: Request, visitor: Visitor, fields: Fields, question: str) -> None:
    deps, draft = deps_of(request), fields.draft()
    if problems := draft.problems():
        raise CannotTryError("First look at the form: " + next(iter(problems.values())))
    try:
        mind = await deps.mind.get()
    except SettingsError as error:
        raise CannotTryError(f"There is no language model here to try it with. For whoever runs this server: {error}.") from None
    employee = await deps.db.run(visitor.scope, employees.get_current)
    persona = persona_of(employee.agent_id, fields.based_on, employee.business, draft, employee.limits)
    try_out = TryOut(deps.db, mind, deps.counters, deadline_s=deps.settings.turn_deadline_s)
    await try_out.ask(visitor.scope, visitor.member.id, persona, question)


async def _talk(request: Request, visitor: Visitor, problem: str = "", question: str = "") -> Talk:
    deps = deps_of(request)
    tried = await deps.db.run(visitor.scope, lambda session: tryouts_repository.recent(session, visitor.member.id))
    return Talk.of(tried, demo=deps.settings.llm_backend == "demo", problem=problem, question=question)
