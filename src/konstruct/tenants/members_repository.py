"""SQL of `members` and of where their e-mail addresses may sign in."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record, TenantSession
from konstruct.tenants.roles import Role

_COLUMNS = "id, name, email, role"


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a business who may sign in."""

    id: UUID
    name: str = field(repr=False)
    email: str | None = field(repr=False)
    role: Role


@dataclass(frozen=True, slots=True)
class ListedMember:
    """A member as the list shows it. `sessions` counts the browsers it is signed in at; `invited`: has never signed in."""

    member: Member
    created_at: datetime
    last_seen_at: datetime | None
    sessions: int

    @property
    def invited(self) -> bool:
        """Whether it has never signed in."""
        return self.last_seen_at is None


async def insert(session: TenantSession, member: Member, email_hash: bytes | None, invited_by: UUID | None) -> None:
    """Store a member and where its address may sign in. An address that another member has raises UniqueViolation."""
    await session.execute(
        "INSERT INTO members (tenant_id, id, name, email, role, invited_by) VALUES ($1, $2, $3, $4, $5, $6)",
        session.scope.tenant_id,
        member.id,
        member.name,
        member.email,
        member.role,
        invited_by,
    )
    await set_email_hash(session, member.id, email_hash)


async def set_email_hash(session: TenantSession, member_id: UUID, email_hash: bytes | None) -> None:
    """Let the member sign in by the address of this hash, or by none."""
    if email_hash is None:
        sql = "DELETE FROM member_emails WHERE tenant_id = $1 AND member_id = $2"
        await session.execute(sql, session.scope.tenant_id, member_id)
        return
    await session.execute(
        "INSERT INTO member_emails (tenant_id, member_id, email_hash) VALUES ($1, $2, $3)"
        " ON CONFLICT (tenant_id, member_id) DO UPDATE SET email_hash = excluded.email_hash",
        session.scope.tenant_id,
        member_id,
        email_hash,
    )


async def find(session: TenantSession, member_id: UUID) -> Member | None:
    """Return a member, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM members WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, member_id
    )
    return _member(row)


async def find_by_email(session: TenantSession, email: str) -> Member | None:
    """Return the member with this address in lower case, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} FROM members WHERE tenant_id = $1 AND email = $2", session.scope.tenant_id, email
    )
    return _member(row)


async def first_owner(session: TenantSession) -> UUID | None:
    """Return the oldest owner's id, or None."""
    found: UUID | None = await session.fetchval(
        "SELECT id FROM members WHERE tenant_id = $1 AND role = 'owner' ORDER BY created_at, id LIMIT 1", session.scope.tenant_id
    )
    return found


async def lock_owners(session: TenantSession) -> list[UUID]:
    """Lock and return every owner: who takes one away must see how many are left."""
    rows = await session.fetch(
        "SELECT id FROM members WHERE tenant_id = $1 AND role = 'owner' ORDER BY id FOR UPDATE", session.scope.tenant_id
    )
    return [row["id"] for row in rows]


async def update(session: TenantSession, member: Member) -> None:
    """Store name, address and role. An address that another member has raises UniqueViolation."""
    await session.execute(
        "UPDATE members SET name = $3, email = $4, role = $5 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        member.id,
        member.name,
        member.email,
        member.role,
    )


async def delete(session: TenantSession, member_id: UUID) -> None:
    """Delete a member; sessions and links go with it."""
    await session.execute("DELETE FROM members WHERE tenant_id = $1 AND id = $2", session.scope.tenant_id, member_id)


async def list_all(session: TenantSession) -> list[ListedMember]:
    """Return every member, owners first."""
    rows = await session.fetch(
        "SELECT m.id, m.name, m.email, m.role, m.created_at, m.last_seen_at,"
        " (SELECT count(*) FROM sessions s WHERE s.tenant_id = $1 AND s.member_id = m.id AND s.expires_at > now()) AS sessions"
        " FROM members m WHERE m.tenant_id = $1"
        " ORDER BY array_position(ARRAY['owner', 'admin', 'operator', 'viewer'], m.role), lower(m.name), m.id",
        session.scope.tenant_id,
    )
    return [
        ListedMember(
            Member(row["id"], row["name"], row["email"], row["role"]), row["created_at"], row["last_seen_at"], row["sessions"]
        )
        for row in rows
    ]


async def businesses_of(db: Database, email_hash: bytes, limit: int) -> list[TenantScope]:
    """Return the active businesses in which the address of this hash may sign in, at most `limit`."""
    rows = await db.fleet_fetch(
        "businesses of an address",
        "SELECT e.tenant_id FROM member_emails e JOIN tenant_directory d ON d.tenant_id = e.tenant_id"
        " WHERE e.email_hash = $1 AND d.status = 'active' ORDER BY e.tenant_id LIMIT $2",
        email_hash,
        limit,
    )
    return [TenantScope(row["tenant_id"]) for row in rows]


def _member(row: Record | None) -> Member | None:
    return Member(row["id"], row["name"], row["email"], row["role"]) if row else None
