"""SQL of `llm_calls`: every attempt at a model, with tokens, cost and time, and the sums that usage pages read."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from konstruct.db.session import TenantSession
from konstruct.kit.ids import uuid7
from konstruct.llm.port import CallRecord

NO_ACCOUNT = UUID(int=0)
"""Stands in `usage_days` for calls that no channel's conversation asked for."""
SHARDS = 8
"""Rows among which a tenant's turns of the same moment share the sums of a day."""

_SUMS = (
    "coalesce(sum(input_tokens), 0), coalesce(sum(cached_tokens), 0), coalesce(sum(output_tokens), 0),"
    " coalesce(sum(cost_micro), 0)"
)
_ADD = ", ".join(
    f"{name} = u.{name} + excluded.{name}"
    for name in ("calls", "unknown_cost_calls", "input_tokens", "cached_tokens", "output_tokens", "cost_micro")
)

# One statement: what is counted is what is stored, or nothing of either. The sums come from the rows just inserted.
_RECORD = f"""
WITH calls AS (
  INSERT INTO llm_calls (tenant_id, id, turn_id, step, backend, model, outcome, input_tokens, cached_tokens, output_tokens,
                         cost_micro, latency_ms, first_token_ms, started_ms)
  SELECT $1::uuid, n.id, $2::uuid, $3::integer,
    n.backend, n.model, n.outcome, n.input, n.cached, n.output, n.cost, n.latency, n.first, n.started
  FROM unnest($4::uuid[], $5::text[], $6::text[], $7::text[], $8::integer[], $9::integer[], $10::integer[], $11::bigint[],
              $12::integer[], $13::integer[], $14::integer[])
    AS n (id, backend, model, outcome, input, cached, output, cost, latency, first, started)
  RETURNING backend, left(model, 200) AS model, outcome, input_tokens, cached_tokens, output_tokens, cost_micro
), place AS (
  SELECT c.id AS conversation_id, c.account_id FROM turns t
  JOIN conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id WHERE t.tenant_id = $1 AND t.id = $2
), conversation AS (
  INSERT INTO usage_conversations AS u (tenant_id, day, conversation_id, calls, unknown_cost_calls,
                                        input_tokens, cached_tokens, output_tokens, cost_micro)
  SELECT $1, usage_day($1, now()), p.conversation_id, count(*), count(*) FILTER (WHERE cost_micro IS NULL), {_SUMS}
  FROM place p CROSS JOIN calls GROUP BY p.conversation_id
  ON CONFLICT (tenant_id, day, conversation_id) DO UPDATE SET {_ADD}
)
INSERT INTO usage_days AS u (tenant_id, day, account_id, backend, model, shard, calls, unknown_cost_calls,
                             input_tokens, cached_tokens, output_tokens, cost_micro, failed_calls)
SELECT $1, usage_day($1, now()), coalesce((SELECT account_id FROM place), $16::uuid), backend, model, $15::smallint, count(*),
  count(*) FILTER (WHERE cost_micro IS NULL), {_SUMS}, count(*) FILTER (WHERE outcome <> 'ok')
FROM calls GROUP BY backend, model ORDER BY backend, model
ON CONFLICT (tenant_id, day, account_id, backend, model, shard) DO UPDATE SET
  {_ADD}, failed_calls = u.failed_calls + excluded.failed_calls
"""


async def record_calls(
    session: TenantSession, turn_id: UUID | None, step: int | None, calls: Sequence[CallRecord], *, began: float | None = None
) -> None:
    """Store the attempts of one step of a turn, and add them to the sums. What is not known (tokens, cost) is stored as null.

    `began`: the turn's start on the clock of the records' `started_at`. Without a turn, nothing of a channel is charged.
    """
    if not calls:
        return
    columns = zip(*(_row(call, began) for call in calls), strict=True)
    shard = (turn_id or uuid7()).int % SHARDS
    await session.execute(_RECORD, session.scope.tenant_id, turn_id, step, *map(list, columns), shard, NO_ACCOUNT)


def _row(call: CallRecord, began: float | None) -> tuple[object, ...]:
    usage = call.usage
    started = None if began is None or call.started_at is None else max(0, round((call.started_at - began) * 1000))
    return (
        uuid7(), call.backend, call.model, call.outcome, usage.input_tokens, usage.cached_tokens, usage.output_tokens,
        call.cost_micro, call.latency_ms, call.first_token_ms, started,
    )  # fmt: skip
