"""SQL of `agents` and `persona_versions`: what the employee is, version by version."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from konstruct.db.session import Record, TenantSession
from konstruct.tenants import employees_hours
from konstruct.tenants.employees_draft import Draft

FIELDS = (
    "p.name, p.persona, p.policy, p.tone, p.tone_note, p.languages, p.working_hours::text AS working_hours, p.outside_hours,"
    " p.must_not"
)
"""Columns of `persona_versions p` that `draft_of` reads."""
_VERSION = f"p.version, {FIELDS}, p.created_at, p.changed_by, p.changed_by_name, p.note"

# v1 has one.
_AGENT = "SELECT a.id FROM agents a WHERE a.tenant_id = $1 ORDER BY a.created_at, a.id LIMIT 1"

_INSERT = """
INSERT INTO persona_versions (tenant_id, agent_id, version, name, persona, policy, tone, tone_note, languages, working_hours,
  outside_hours, must_not, changed_by, changed_by_name, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $12, $13, $14, $15)
"""


class Author(Protocol):
    """Who changes something: a member, or something without an id, such as an API key."""

    @property
    def id(self) -> UUID | None:
        """The member's id."""

    @property
    def name(self) -> str:
        """What the list of versions shows."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the employee may use for an answer. Not part of a version."""

    model: str | None
    context_limit_tokens: int
    reply_limit_tokens: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the employee."""

    number: int
    draft: Draft
    changed_at: datetime
    changed_by: UUID | None
    changed_by_name: str
    note: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Employee:
    """The employee as it is now."""

    agent_id: UUID
    business: str
    current: Version
    limits: Limits
    time_zone: str
    """The business's, for whoever has no hours yet."""


async def lock(session: TenantSession) -> None:
    """Keep the tenant's employee as it is until the commit.

    A statement of its own: the next one sees what the transaction that this one waited for has stored.
    """
    await session.execute("SELECT 1 FROM agents WHERE tenant_id = $1 FOR NO KEY UPDATE", session.scope.tenant_id)


async def current(session: TenantSession) -> Employee | None:
    """Return the tenant's employee (v1 has one) with its version in force, or None."""
    row = await session.fetchrow(
        f"SELECT a.id, b.name AS business, b.time_zone, a.model, a.context_limit_tokens, a.reply_limit_tokens, {_VERSION}"
        " FROM agents a JOIN tenants b ON b.tenant_id = a.tenant_id"
        " JOIN persona_versions p ON p.tenant_id = a.tenant_id AND p.agent_id = a.id AND p.version = a.persona_version"
        " WHERE a.tenant_id = $1 ORDER BY a.created_at, a.id LIMIT 1",
        session.scope.tenant_id,
    )
    if row is None:
        return None
    limits = Limits(row["model"], row["context_limit_tokens"], row["reply_limit_tokens"])
    return Employee(row["id"], row["business"], _version(row), limits, row["time_zone"])


async def version(session: TenantSession, number: int) -> Version | None:
    """Return one version of the tenant's employee, or None if there is none of that number."""
    row = await session.fetchrow(
        f"SELECT {_VERSION} FROM persona_versions p WHERE p.tenant_id = $1 AND p.agent_id = ({_AGENT}) AND p.version = $2",
        session.scope.tenant_id,
        number,
    )
    return _version(row) if row is not None else None


async def versions(session: TenantSession, before: int | None, limit: int) -> list[Version]:
    """Return up to `limit` versions, newest first; those below `before` if it is given."""
    rows = await session.fetch(
        f"SELECT {_VERSION} FROM persona_versions p WHERE p.tenant_id = $1 AND p.agent_id = ({_AGENT})"
        " AND ($2::int IS NULL OR p.version < $2) ORDER BY p.version DESC LIMIT $3",
        session.scope.tenant_id,
        before,
        limit,
    )
    return [_version(row) for row in rows]


async def put_in_force(session: TenantSession, agent_id: UUID, number: int, draft: Draft, author: Author, note: str) -> None:
    """Store a version and make it the one in force. The employee's row must be locked."""
    await session.execute(
        _INSERT,
        session.scope.tenant_id,
        agent_id,
        number,
        draft.name,
        draft.instructions,
        draft.policy,
        draft.tone,
        draft.tone_note,
        list(draft.languages),
        draft.hours.to_json() if draft.hours else None,
        draft.outside_hours,
        draft.must_not,
        author.id,
        author.name,
        note,
    )
    await session.execute(
        "UPDATE agents SET persona_version = $3, name = $4 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        agent_id,
        number,
        draft.name,
    )


async def set_limits(session: TenantSession, agent_id: UUID, limits: Limits) -> None:
    """Store what the employee may use for an answer."""
    await session.execute(
        "UPDATE agents SET model = $3, context_limit_tokens = $4, reply_limit_tokens = $5 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        agent_id,
        limits.model,
        limits.context_limit_tokens,
        limits.reply_limit_tokens,
    )


def draft_of(row: Record) -> Draft:
    """Return what a version says, from its FIELDS."""
    return Draft(
        name=row["name"],
        instructions=row["persona"],
        tone=row["tone"],
        tone_note=row["tone_note"],
        languages=tuple(row["languages"]),
        hours=employees_hours.from_json(row["working_hours"]),
        outside_hours=row["outside_hours"],
        must_not=row["must_not"],
        policy=row["policy"],
    )


def _version(row: Record) -> Version:
    return Version(
        number=row["version"],
        draft=draft_of(row),
        changed_at=row["created_at"],
        changed_by=row["changed_by"],
        changed_by_name=row["changed_by_name"],
        note=row["note"],
    )
