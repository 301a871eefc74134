"""SQL of `llm_calls`: every attempt at a model, with tokens, cost and time."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.llm.port import CallRecord

_INSERT = """
INSERT INTO llm_calls (tenant_id, id, turn_id, step, backend, model, outcome,
                       input_tokens, cached_tokens, output_tokens, cost_micro, latency_ms, first_token_ms)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""


async def record_calls(session: TenantSession, turn_id: UUID | None, step: int, calls: Sequence[CallRecord]) -> None:
    """Store the attempts of one step of a turn, or of a try-out, which is no turn (None).

    What is not known (tokens, cost) is stored as null.
    """
    if calls:
        await session.executemany(_INSERT, [_row(session.scope.tenant_id, turn_id, step, call) for call in calls])


def _row(tenant_id: UUID, turn_id: UUID | None, step: int, call: CallRecord) -> tuple[object, ...]:
    usage = call.usage
    return (
        tenant_id, uuid7(), turn_id, step, call.backend, call.model, call.outcome,
        usage.input_tokens, usage.cached_tokens, usage.output_tokens, call.cost_micro, call.latency_ms, call.first_token_ms,
    )  # fmt: skip
