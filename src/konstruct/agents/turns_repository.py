"""Opening, persisting and closing turns. Each function is one transaction's work, fenced by the claim."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import orjson

from konstruct.agents.persona import persona_of
from konstruct.agents.timeline_trace import NOTHING, Trace
from konstruct.agents.turn import Line, Persona, Step, Turn
from konstruct.conversations import contacts_repository, unfinished_repository
from konstruct.conversations.files import FileText
from konstruct.db.session import Record, TenantSession
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.ids import uuid7
from konstruct.llm.port import ToolCall
from konstruct.tenants import employees_repository
from konstruct.tenants.employees_repository import Limits
from konstruct.tenants.notices import raise_notice
from konstruct.tenants.notices_troubles import turn_failed

_Times = tuple[datetime, datetime]
"""When a turn was started, and its deadline."""
HISTORY_MESSAGES = 200
"""Most messages that a window may hold; the context limit usually ends it earlier."""

_SITUATION = f"""
SELECT c.account_id, c.agent_id, c.channel_id, c.kind AS conversation_kind, c.owner, c.owner_epoch, a.kind AS channel_kind,
  a.paused_at IS NOT NULL AS paused,
  g.model, g.context_limit_tokens, g.reply_limit_tokens, p.version, {employees_repository.FIELDS}, b.name AS business,
  t.id AS turn_id, t.attempts, t.started_at, t.deadline_at, t.owner_epoch AS turn_owner_epoch, t.revision
FROM conversations c
JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id
JOIN agents g ON g.tenant_id = c.tenant_id AND g.id = c.agent_id
JOIN tenants b ON b.tenant_id = c.tenant_id
LEFT JOIN turns t ON t.tenant_id = c.tenant_id AND t.conversation_id = c.id AND t.state = 'running'
JOIN persona_versions p ON p.tenant_id = c.tenant_id AND p.agent_id = c.agent_id
  AND p.version = coalesce(t.persona_version, g.persona_version)
WHERE c.tenant_id = $1 AND c.id = $2
"""

_LINE = """
SELECT m.id, m.seq, m.turn_id, m.author, k.display_name, k.external_id AS external_author, m.text, m.attachments,
  m.thread_id, m.external_id, m.sent_at, m.context, m.contact_id, CASE WHEN m.attachments <> '[]' THEN
    (SELECT jsonb_agg(jsonb_build_object('file_id', f.file_id, 'text', left(f.text, {chars}), 'reason', f.reason,
       'left_out', f.left_out + greatest(0, length(f.text) - {chars})))
     FROM message_files f WHERE f.tenant_id = $1 AND f.message_id = m.id) END AS read
FROM messages m LEFT JOIN contacts k ON k.tenant_id = m.tenant_id AND k.id = m.contact_id
"""
FILE_CHARS = 200_000
"""Characters of a file of a message that is asked; no file has more."""
OLD_FILE_CHARS = 6000
"""Characters of a file that was sent before: what it was about."""


@dataclass(frozen=True, slots=True)
class Paused:
    """The employee is paused: nothing is answered. The claim is begun, and not released."""

    turn_id: UUID | None
    """The turn that a crash left."""


class TurnChangedError(Exception):
    """A message that the turn has seen was deleted. Nothing was stored; the turn is to be loaded again."""


async def open_turn(session: TenantSession, claim: Claim, deadline_s: float) -> Turn | Paused | None:
    """Start the conversation's next turn, or take up the one that a crash left; None (and released) if there is nothing
    to answer or a human owns the conversation. A new turn takes every pending message, in the provider's time."""
    # The conversation is locked before the queue's row, as everywhere: the other order would deadlock. Until the commit
    # it also keeps the owner that is read below.
    await session.execute(
        "SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2 FOR SHARE", claim.scope.tenant_id, claim.conversation_id
    )
    await queue.begin(session, claim)
    row = await session.fetchrow(_SITUATION, claim.scope.tenant_id, claim.conversation_id)
    assert row is not None
    if row["owner"] == "human":
        await _leave_to_human(session, claim, row["turn_id"])
        return None
    if row["paused"]:
        return Paused(row["turn_id"])
    if row["turn_id"] is None:
        turn_id = uuid7()
        times = await _start(session, claim, turn_id, row, deadline_s)
        if times is None:
            await queue.release(session, claim)
            return None
    else:
        turn_id, times = row["turn_id"], await _take_up(session, claim, row["turn_id"], deadline_s)
        await _leave_the_rest(session, claim)
    await queue.limit(session, claim, times[1])
    return await _load(session, claim, turn_id, times, row)


async def look_again(session: TenantSession, claim: Claim, turn: Turn) -> Turn:
    """Return `turn` as it stands now, without what was deleted meanwhile. Raises LeaseLostError if it is no longer ours."""
    await session.execute(
        "SELECT 1 FROM conversations WHERE tenant_id = $1 AND id = $2 FOR SHARE", claim.scope.tenant_id, claim.conversation_id
    )
    await queue.fence(session, claim)
    row = await session.fetchrow(_SITUATION, claim.scope.tenant_id, claim.conversation_id)
    assert row is not None and row["turn_id"] == turn.id
    loaded = await _load(session, claim, turn.id, (row["started_at"], row["deadline_at"]), row)
    return replace(loaded, attempts=turn.attempts)


async def _start(session: TenantSession, claim: Claim, turn_id: UUID, row: Record, deadline_s: float) -> _Times | None:
    """Insert the turn and give it every pending message; return its times, or None if there is no message."""
    started = await session.fetchrow(
        "INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at)"
        " SELECT $1, $2, $3, $4, $5, $6, $7, now() + $8 WHERE EXISTS (SELECT 1 FROM messages"
        "   WHERE tenant_id = $1 AND conversation_id = $3 AND state = 'pending') RETURNING started_at, deadline_at",
        claim.scope.tenant_id,
        turn_id,
        claim.conversation_id,
        row["agent_id"],
        row["version"],
        claim.epoch,
        row["owner_epoch"],
        timedelta(seconds=deadline_s),
    )
    if started is None:
        return None
    await session.execute(
        "UPDATE messages SET state = 'in_turn', turn_id = $3 WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending'",
        claim.scope.tenant_id,
        claim.conversation_id,
        turn_id,
    )
    return started["started_at"], started["deadline_at"]


async def _take_up(session: TenantSession, claim: Claim, turn_id: UUID, deadline_s: float) -> _Times:
    """Go on with a turn; return its times. One that a suspension of the tenant cut off has its whole time again, once."""
    row = await session.fetchrow(
        "UPDATE turns t SET attempts = t.attempts + 1, epoch = $3, deadline_at = CASE"
        "   WHEN d.status_changed_at > t.started_at AND t.deadline_at < d.status_changed_at + $4 THEN now() + $4"
        "   ELSE t.deadline_at END"
        " FROM tenant_directory d WHERE t.tenant_id = $1 AND t.id = $2 AND d.tenant_id = t.tenant_id"
        " RETURNING t.started_at, t.deadline_at",
        claim.scope.tenant_id,
        turn_id,
        claim.epoch,
        timedelta(seconds=deadline_s),
    )
    assert row is not None
    return row["started_at"], row["deadline_at"]


async def _leave_the_rest(session: TenantSession, claim: Claim) -> None:
    """What came while the turn's holder was dead is for the next turn; this claim has taken its wake-ups with it."""
    waiting = await session.fetchval(
        "SELECT EXISTS (SELECT 1 FROM messages WHERE tenant_id = $1 AND conversation_id = $2 AND state = 'pending')",
        claim.scope.tenant_id,
        claim.conversation_id,
    )
    if waiting:
        await queue.bump(session, claim.conversation_id, "turn")


async def _load(session: TenantSession, claim: Claim, turn_id: UUID, times: _Times, row: Record) -> Turn:
    tenant_id = claim.scope.tenant_id
    asked = await session.fetch(
        f"{_LINE.format(chars=FILE_CHARS)}"
        " WHERE m.tenant_id = $1 AND m.turn_id = $2 AND m.direction = 'in' AND m.state <> 'withdrawn'"
        " ORDER BY m.sent_at, m.seq",
        tenant_id,
        turn_id,
    )
    await contacts_repository.ask_names(session, list({line["contact_id"] for line in asked if line["contact_id"]}))
    history = await session.fetch(
        f"{_LINE.format(chars=OLD_FILE_CHARS)}"
        " WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.state NOT IN ('pending', 'withdrawn')"
        " AND m.turn_id IS DISTINCT FROM $3 ORDER BY m.seq DESC LIMIT $4",
        tenant_id,
        claim.conversation_id,
        turn_id,
        HISTORY_MESSAGES,
    )
    steps = await session.fetch(
        "SELECT position, kind, content FROM steps WHERE tenant_id = $1 AND turn_id = $2 ORDER BY position", tenant_id, turn_id
    )
    clock = await session.fetchrow(
        "SELECT clock_timestamp() AS opened_at, extract(epoch FROM clock_timestamp() - $1::timestamptz)::float8 AS elapsed,"
        " extract(epoch FROM $2::timestamptz - clock_timestamp())::float8 AS remaining",
        *times,
    )
    assert clock is not None
    return Turn(
        id=turn_id,
        conversation_id=claim.conversation_id,
        account_id=row["account_id"],
        channel_kind=row["channel_kind"],
        channel_id=row["channel_id"],
        several_people=row["conversation_kind"] == "thread",
        owner_epoch=row["owner_epoch"] if row["turn_owner_epoch"] is None else row["turn_owner_epoch"],
        attempts=1 if row["attempts"] is None else row["attempts"] + 1,
        remaining_s=clock["remaining"],
        persona=_persona(row),
        history=_in_order(history),
        asked=tuple(_line(line) for line in asked),
        steps=tuple(_step(step) for step in steps),
        elapsed_s=clock["elapsed"],
        opened_at=clock["opened_at"],
        revision=row["revision"] or 0,
    )


async def save_step(
    session: TenantSession, claim: Claim, turn: Turn, step: Step, started_ms: int | None = None, trace: Trace | None = None
) -> None:
    """Persist what the turn did, once, and what it recalled for that. Raises LeaseLostError if the turn is no longer ours,
    TurnChangedError if it was done of something that is deleted by now."""
    await queue.fence(session, claim)
    content: dict[str, Any] = {"text": step.text}
    if step.kind == "model":
        content["tool_calls"] = [{"id": call.id, "name": call.name, "arguments": call.arguments} for call in step.tool_calls]
    else:
        content["results"] = list(step.results)
    await _same(session, turn)
    await session.execute(
        "WITH recalled AS (UPDATE turns SET recalls = recalls || $9::jsonb"
        "   WHERE tenant_id = $1 AND id = $2 AND $9::jsonb <> '[]'::jsonb)"
        " INSERT INTO steps (tenant_id, turn_id, position, kind, content, epoch, started_ms, ended_ms)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        claim.scope.tenant_id,
        turn.id,
        step.position,
        step.kind,
        orjson.dumps(content).decode(),
        claim.epoch,
        started_ms,
        trace.ms() if trace else None,
        trace.recalls if trace else NOTHING,
    )


async def lock_for_answer(session: TenantSession, claim: Claim, turn: Turn) -> Literal["ours", "handed_over", "paused"]:
    """Lock the conversation and prove the claim; return whether the AI still owns it, unchanged since the turn began, and
    may answer. Raises TurnChangedError if what it was to answer is deleted by now.

    The conversation is locked before the queue's row, as ingest does: the other order would deadlock.
    """
    row = await session.fetchrow(
        "SELECT c.owner_epoch, a.paused_at IS NOT NULL AS paused FROM conversations c"
        " JOIN channel_accounts a ON a.tenant_id = c.tenant_id AND a.id = c.account_id"
        " WHERE c.tenant_id = $1 AND c.id = $2 AND c.owner = 'ai' FOR NO KEY UPDATE OF c",
        claim.scope.tenant_id,
        claim.conversation_id,
    )
    await queue.fence(session, claim)
    await _same(session, turn)
    if row is None or row["owner_epoch"] != turn.owner_epoch:
        return "handed_over"
    return "paused" if row["paused"] else "ours"


async def _same(session: TenantSession, turn: Turn) -> None:
    """Prove that nothing the turn has seen was deleted, until the transaction ends: a deletion waits for the lock."""
    revision = await session.fetchval(
        "SELECT revision FROM turns WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE", session.scope.tenant_id, turn.id
    )
    if revision != turn.revision:
        raise TurnChangedError


async def close_turn(
    session: TenantSession, claim: Claim, turn_id: UUID, outcome: str, reason: str | None, trace: Trace | None = None
) -> None:
    """Mark the turn done and its messages answered (or a human's), and release the lane. `trace` may hold what no step took."""
    await session.execute(
        "UPDATE turns SET state = 'done', outcome = $3, reason = $4, finished_at = now(), recalls = recalls || $5::jsonb,"
        " failure = $6::jsonb WHERE tenant_id = $1 AND id = $2",
        claim.scope.tenant_id,
        turn_id,
        outcome,
        reason,
        trace.recalls if trace else NOTHING,
        trace.failure if trace else None,
    )
    await session.execute(
        "UPDATE messages SET state = $3 WHERE tenant_id = $1 AND turn_id = $2 AND state = 'in_turn'",
        claim.scope.tenant_id,
        turn_id,
        "human" if outcome == "handed_over" else "answered",
    )
    if outcome in ("handed_over", "withdrawn"):
        await unfinished_repository.let_stand(session, turn_id)
    await queue.release(session, claim)


async def bury(session: TenantSession, claim: Claim, turn: Turn, reason: str) -> None:
    """Write the dead letter of a turn that nobody could finish."""
    buried = await session.execute(
        "INSERT INTO dead_letters (tenant_id, id, kind, conversation_id, turn_id, reason, attempts)"
        " VALUES ($1, $2, 'turn', $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        claim.scope.tenant_id,
        uuid7(),
        claim.conversation_id,
        turn.id,
        reason,
        turn.attempts,
    )
    if buried:
        await raise_notice(session, turn_failed(claim.conversation_id))


async def _leave_to_human(session: TenantSession, claim: Claim, turn_id: UUID | None) -> None:
    # What was pending has its state already: from the takeover, or from the ingest that came after it.
    if turn_id is None:
        await queue.release(session, claim)
    else:
        await close_turn(session, claim, turn_id, "handed_over", None)


def _persona(row: Record) -> Persona:
    limits = Limits(row["model"], row["context_limit_tokens"], row["reply_limit_tokens"])
    return persona_of(row["agent_id"], row["version"], row["business"], employees_repository.draft_of(row), limits)


def _in_order(rows: list[Record]) -> tuple[Line, ...]:
    """Return `rows` oldest first, each answer right behind the last message it answers: others may have come in between."""
    answered: dict[UUID, int] = {}
    for row in rows:
        if row["author"] == "contact" and row["turn_id"] is not None:
            answered[row["turn_id"]] = max(row["seq"], answered.get(row["turn_id"], 0))

    def place(row: Record) -> tuple[int, int]:
        own: int = row["seq"]
        return (own if row["author"] == "contact" else answered.get(row["turn_id"], own)), own

    return tuple(_line(row) for row in sorted(rows, key=place))


def _line(row: Record) -> Line:
    return Line(
        seq=row["seq"],
        author=row["author"],
        name=row["display_name"],
        external_author=row["external_author"],
        text=row["text"],
        attachments=tuple(orjson.loads(row["attachments"])),
        thread_id=row["thread_id"],
        sent_at=row["sent_at"],
        context=_looked_at(row["context"]),
        id=row["id"],
        external_id=row["external_id"],
        read=tuple(FileText(**each) for each in orjson.loads(row["read"])) if row["read"] else (),
    )


def _looked_at(context: str | None) -> tuple[str, ...]:
    """Return {"type": "slack#/types/channel_id", "value": "C1"} as "channel C1"."""
    entities = orjson.loads(context) if context else []
    return tuple(f"{entity['type'].rpartition('/')[2].removesuffix('_id')} {entity['value']}" for entity in entities)


def _step(row: Record) -> Step:
    content = orjson.loads(row["content"])
    return Step(
        position=row["position"],
        kind=row["kind"],
        text=content["text"],
        tool_calls=tuple(ToolCall(**call) for call in content.get("tool_calls", ())),
        results=tuple(content.get("results", ())),
    )
