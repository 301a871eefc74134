"""The ledger of tool calls: an intent is a row before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.kit.text import storable
from konstruct.llm.port import ToolCall

REFUSED = "Refused: this employee has no tools yet. Answer without them."


async def intend(session: TenantSession, turn_id: UUID, step: int, calls: Sequence[ToolCall]) -> None:
    """Write down the calls that the model asked for in `step`."""
    await session.executemany(
        "INSERT INTO tool_calls (tenant_id, turn_id, step, call_index, id, model_call_id, name, arguments, state,"
        " idempotency_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'intended', $9)",
        [
            (
                session.scope.tenant_id,
                turn_id,
                step,
                index,
                uuid7(),
                storable(call.id),
                storable(call.name),
                storable(call.arguments),
                f"{turn_id}:{step}:{index}",
            )
            for index, call in enumerate(calls)
        ],
    )


async def refuse(session: TenantSession, turn_id: UUID, step: int, reason: str) -> None:
    """Refuse every intended call of `step`."""
    await session.execute(
        "UPDATE tool_calls SET state = 'refused', reason = $4, finished_at = now()"
        " WHERE tenant_id = $1 AND turn_id = $2 AND step = $3 AND state = 'intended'",
        session.scope.tenant_id,
        turn_id,
        step,
        reason,
    )
