"""SQL of actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

import orjson

from konstruct.db.session import Record, TenantSession
from konstruct.tenants.identities import Presser
from konstruct.tenants.roles import Role

Style = Literal["plain", "primary", "danger"]
_PRUNED = 20
"""Rows that are pruned at a time: whoever offers one action pays for a few old ones."""


@dataclass(frozen=True, slots=True)
class Option:
    """A choice: `name` is what the button carries, `label` what it says."""

    name: str
    label: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Who:
    """Who may decide."""

    kind: Literal["conversation", "person", "member"]
    conversation_id: UUID | None = None
    person: str | None = None
    least_role: Role | None = None


@dataclass(frozen=True, slots=True)
class Action:
    """An action, as it is now."""

    id: UUID
    account_id: UUID
    kind: str
    subject: str
    who: Who
    message_id: UUID | None
    options: tuple[Option, ...]
    state: Literal["open", "decided", "expired"]
    decision: str | None
    decided_by: str | None
    decided_at: datetime | None
    outcome: str | None
    expires_at: datetime

    def button_id(self, option: Option) -> str:
        """Return all that the option's button carries."""
        return f"{self.id.hex}.{option.name}"


_COLUMNS = (
    "id, account_id, kind, subject, who, conversation_id, person, least_role, message_id, options, state, decision, decided_by,"
    " decided_at, outcome, expires_at"
)


async def insert(
    session: TenantSession,
    action_id: UUID,
    account_id: UUID,
    kind: str,
    subject: str,
    options: Sequence[Option],
    who: Who,
    message_id: UUID | None,
    lifetime_s: float,
) -> Action:
    """Store a new action; return it."""
    row = await session.fetchrow(
        "INSERT INTO actions (tenant_id, id, account_id, kind, subject, who, conversation_id, person, least_role, message_id,"
        "   options, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, now() + $12)"
        f" RETURNING {_COLUMNS}",
        session.scope.tenant_id,
        action_id,
        account_id,
        kind,
        subject,
        who.kind,
        who.conversation_id,
        who.person,
        who.least_role,
        message_id,
        orjson.dumps([{"name": each.name, "label": each.label, "style": each.style} for each in options]).decode(),
        timedelta(seconds=lifetime_s),
    )
    assert row is not None
    return _action(row)


async def find(session: TenantSession, action_id: UUID) -> Action | None:
    """Return an action, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM actions WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, action_id
    )
    return _action(row) if row else None


async def find_open(session: TenantSession, account_id: UUID, kind: str, subject: str, who: Who, left_s: float) -> Action | None:
    """Return an open action of this kind and subject for the same people, that no message shows and that holds for `left_s`
    seconds more; None if there is none."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM actions WHERE tenant_id = $1 AND account_id = $2 AND kind = $3 AND subject = $4"
        " AND who = $5 AND conversation_id IS NOT DISTINCT FROM $6 AND person IS NOT DISTINCT FROM $7"
        " AND least_role IS NOT DISTINCT FROM $8 AND message_id IS NULL AND state = 'open' AND expires_at > now() + $9"
        " ORDER BY expires_at DESC LIMIT 1",
        session.scope.tenant_id,
        account_id,
        kind,
        subject,
        who.kind,
        who.conversation_id,
        who.person,
        who.least_role,
        timedelta(seconds=left_s),
    )
    return _action(row) if row else None


async def decide(session: TenantSession, action_id: UUID, option: str, presser: Presser) -> Action | None:
    """Take the decision; None if somebody has taken it before, or if its time is over."""
    row = await session.fetchrow(
        "UPDATE actions SET state = 'decided', decision = $3, decided_by = $4, decided_member = $5, decided_at = now()"
        f" WHERE tenant_id = $1 AND id = $2 AND state = 'open' AND expires_at > now() RETURNING {_COLUMNS}",
        session.scope.tenant_id,
        action_id,
        option,
        presser.external_id,
        presser.member.id if presser.member else None,
    )
    return _action(row) if row else None


async def note_outcome(session: TenantSession, action_id: UUID, outcome: str) -> Action:
    """Keep what came of the decision; return the action."""
    row = await session.fetchrow(
        f"UPDATE actions SET outcome = $3 WHERE tenant_id = $1 AND id = $2 AND state = 'decided' RETURNING {_COLUMNS}",
        session.scope.tenant_id,
        action_id,
        outcome,
    )
    assert row is not None  # decided in this very transaction
    return _action(row)


async def expire(session: TenantSession, action_id: UUID) -> Action:
    """Say that the action's time is over, if it is still open; return it as it is then."""
    row = await session.fetchrow(
        "UPDATE actions SET state = CASE state WHEN 'open' THEN 'expired' ELSE state END"
        f" WHERE tenant_id = $1 AND id = $2 RETURNING {_COLUMNS}",
        session.scope.tenant_id,
        action_id,
    )
    assert row is not None
    return _action(row)


async def prune(session: TenantSession, days: int) -> None:
    """Delete a few actions whose time was over `days` ago."""
    await session.execute(
        "DELETE FROM actions a USING (SELECT id FROM actions WHERE tenant_id = $1"
        "   AND expires_at < now() - make_interval(days => $2) ORDER BY expires_at LIMIT $3 FOR UPDATE SKIP LOCKED) old"
        " WHERE a.tenant_id = $1 AND a.id = old.id",
        session.scope.tenant_id,
        days,
        _PRUNED,
    )


async def has_written(session: TenantSession, conversation_id: UUID, account_id: UUID, person: str) -> bool:
    """Return whether the person of the channel has written in the conversation."""
    return bool(
        await session.fetchval(
            "SELECT EXISTS (SELECT 1 FROM contacts k JOIN messages m ON m.tenant_id = k.tenant_id AND m.contact_id = k.id"
            " WHERE k.tenant_id = $1 AND k.account_id = $3 AND k.external_id = $4 AND m.conversation_id = $2)",
            session.scope.tenant_id,
            conversation_id,
            account_id,
            person,
        )
    )


async def shown_at(session: TenantSession, message_id: UUID) -> Record | None:
    """Return `channel_id` and `external_id` of the last part of a message that the channel shows, or None."""
    return await session.fetchrow(
        "SELECT channel_id, external_id FROM ("
        "  SELECT channel_id, external_id, part FROM deliveries WHERE tenant_id = $1 AND message_id = $2 AND state = 'sent'"
        "  UNION ALL SELECT channel_id, external_id, part FROM delivery_archive WHERE tenant_id = $1 AND message_id = $2"
        ") d ORDER BY part DESC LIMIT 1",
        session.scope.tenant_id,
        message_id,
    )


def _action(row: Record) -> Action:
    values = dict(row)
    options = tuple(Option(**each) for each in orjson.loads(values.pop("options")))
    who = Who(values.pop("who"), values.pop("conversation_id"), values.pop("person"), values.pop("least_role"))
    return Action(**values, who=who, options=options)
