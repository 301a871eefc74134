"""How answers came about."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from konstruct.agents import turn_log_repository as repository
from konstruct.agents.turn_log_repository import TurnDetail
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.roles import Permission
from konstruct.web.api.cursors import Places
from konstruct.web.api.guard import ApiRoute, require
from konstruct.web.api.models import ID, LIMIT, Cursor, Id, Limit, Page, example
from konstruct.web.api.reading import filter_id, found, parse_id
from konstruct.web.deps import deps_of

Viewing = Annotated[Caller, Depends(require(Permission.VIEW_CONVERSATIONS))]
Outcome = Literal["answered", "fallback", "handed_over", "withdrawn"]
_TURN: dict[str, Any] = {
    "id": ID, "conversation_id": ID, "agent_id": ID, "persona_version": 3, "state": "done", "outcome": "answered",
    "reason": None, "attempts": 1, "started_at": "2026-03-01T09:00:00Z", "finished_at": "2026-03-01T09:00:02Z", "calls": 1,
    "input_tokens": 812, "output_tokens": 24, "cost_micro": 480,
}  # fmt: skip
_CALL: dict[str, Any] = {
    "id": ID, "step": 0, "backend": "openai_compat", "model": "gpt-5-mini", "outcome": "ok", "input_tokens": 812,
    "cached_tokens": 640, "output_tokens": 24, "cost_micro": 480, "latency_ms": 930, "first_token_ms": 310,
    "created_at": "2026-03-01T09:00:02Z",
}  # fmt: skip
_TOOL: dict[str, Any] = {
    "id": ID, "step": 0, "name": "find_order", "arguments": '{"number": "1042"}', "state": "refused",
    "reason": "no tool executor", "result": None, "created_at": "2026-03-01T09:00:01Z", "finished_at": "2026-03-01T09:00:01Z",
}  # fmt: skip
_STEP: dict[str, Any] = {
    "position": 0, "kind": "model", "text": "We open at nine.", "results": None, "created_at": "2026-03-01T09:00:02Z",
}  # fmt: skip


class Turn(BaseModel):
    """From the messages that were asked to the answer."""

    model_config = example(**_TURN)

    id: UUID
    conversation_id: UUID
    agent_id: UUID
    persona_version: int = Field(description="The version that the employee answered with.")
    state: str = Field(description="running or done.")
    outcome: Outcome | None = Field(
        description="handed_over: a person took the conversation over first. withdrawn: what was asked was deleted."
    )
    reason: str | None = Field(description="Why the answer was a fallback.")
    attempts: int = Field(description="How often it was begun; more than once after a crash.")
    started_at: datetime
    finished_at: datetime | None
    calls: int = Field(description="Calls of the language model, failed ones included.")
    input_tokens: int = Field(description="As far as the model's provider counted them.")
    output_tokens: int
    cost_micro: int | None = Field(description="Millionths of a US dollar; null where the price of a call is not known.")


class Step(BaseModel):
    """Something the turn did."""

    model_config = example(**_STEP)

    position: int
    kind: str = Field(description="model: what the language model said. tools: what came of the tools it asked for.")
    text: str | None
    results: list[Any] | None = Field(description="What the tools gave back, in the order they were asked for.")
    created_at: datetime


class ModelCall(BaseModel):
    """One attempt at the language model."""

    model_config = example(**_CALL)

    id: UUID
    step: int | None = Field(description="The step it was made for.")
    backend: str
    model: str
    outcome: str = Field(description="ok, or what went wrong.")
    input_tokens: int | None = Field(description="null where the provider did not say.")
    cached_tokens: int | None
    output_tokens: int | None
    cost_micro: int | None
    latency_ms: int
    first_token_ms: int | None
    created_at: datetime


class ToolCall(BaseModel):
    """A tool that the language model asked for."""

    model_config = example(**_TOOL)

    id: UUID
    step: int
    name: str
    arguments: str = Field(description="As the model wrote them: JSON, if it kept to the form.")
    state: str = Field(description="intended, running, done, failed, refused or unknown.")
    reason: str | None
    result: Any
    created_at: datetime
    finished_at: datetime | None


class TurnWithSteps(Turn):
    """A turn with all that it did."""

    model_config = example(
        **_TURN, asked_message_ids=[ID], answer_message_id=ID, steps=[_STEP], model_calls=[_CALL], tool_calls=[_TOOL]
    )

    asked_message_ids: list[UUID] = Field(description="The messages it answers, in order.")
    answer_message_id: UUID | None
    steps: list[Step]
    model_calls: list[ModelCall]
    tool_calls: list[ToolCall]


def router() -> APIRouter:
    """Return the routes of /turns."""
    routes = APIRouter(route_class=ApiRoute, tags=["turns"], prefix="/turns")
    routes.add_api_route("", index, methods=["GET"], response_model=Page[Turn], operation_id="list_turns", summary="List turns")
    routes.add_api_route(
        "/{turn_id}", show, methods=["GET"], response_model=TurnWithSteps, operation_id="get_turn", summary="Read a turn"
    )
    return routes


async def index(
    request: Request,
    caller: Viewing,
    conversation_id: Annotated[str | None, Query(description="Only of this conversation.", max_length=64)] = None,
    outcome: Annotated[Outcome | None, Query(description="Only those that ended so.")] = None,
    cursor: Cursor = None,
    limit: Limit = LIMIT,
) -> Page[Turn]:
    """List the turns, the newest first."""
    places = Places(caller.scope, "turns", (UUID,))
    [before] = places.parse(cursor) or (None,)
    of = filter_id(conversation_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        rows = await repository.page(session, limit + 1, before=before, conversation_id=of, outcome=outcome)
    kept, following = places.cut(rows, limit, lambda row: (row.id,))
    return Page(items=[Turn.model_validate(row) for row in kept], next_cursor=following)


async def show(request: Request, caller: Viewing, turn_id: Id) -> TurnWithSteps:
    """Return one turn with its steps, the calls of the language model, and the tools it asked for."""
    wanted = parse_id(turn_id)
    async with deps_of(request).db.tenant(caller.scope) as session:
        return _with_steps(found(await repository.find(session, wanted)))


def _with_steps(detail: TurnDetail) -> TurnWithSteps:
    return TurnWithSteps(
        **Turn.model_validate(detail.turn).model_dump(),
        asked_message_ids=detail.asked,
        answer_message_id=detail.answer,
        steps=[Step.model_validate(row) for row in detail.steps],
        model_calls=[ModelCall.model_validate(row) for row in detail.calls],
        tool_calls=[ToolCall.model_validate(row) for row in detail.tool_calls],
    )
