"""Members, notices and jobs, made and read by tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job, JobKind
from konstruct.kit.ids import uuid7
from konstruct.tenants import members, members_repository, notices
from konstruct.tenants.members_repository import Member
from konstruct.tenants.notices import Trouble
from konstruct.tenants.roles import Role

BROKEN = Trouble("channel_broken", "account-1", "critical", "Slack has to be connected again", "Do it.", "/channels")


async def add_member(db: Database, scope: TenantScope, role: Role, email: str | None = None) -> UUID:
    """Store a member; return its id."""
    member = Member(uuid7(), "Pat Doe", email, role)
    async with db.tenant(scope) as session:
        await members_repository.insert(session, member, members.email_hash(email) if email else None, None)
    return member.id


async def raise_in(db: Database, scope: TenantScope, trouble: Trouble = BROKEN) -> UUID:
    """Raise a notice in a transaction of its own; return its id."""
    async with db.tenant(scope) as session:
        return await notices.raise_notice(session, trouble)


async def rows(db: Database, scope: TenantScope, sql: str, *args: Any) -> list[Record]:
    """Return rows of the tenant; `$1` is its id."""
    async with db.tenant(scope) as session:
        return await session.fetch(sql, scope.tenant_id, *args)


async def change(db: Database, scope: TenantScope, sql: str, *args: Any) -> None:
    """Run a statement of the tenant; `$1` is its id."""
    async with db.tenant(scope) as session:
        await session.execute(sql, scope.tenant_id, *args)


async def jobs_of(db: Database, scope: TenantScope, kind: JobKind) -> list[UUID]:
    """Return the subjects of the tenant's jobs of a kind."""
    found = await rows(db, scope, "SELECT subject_id FROM tenant_jobs WHERE tenant_id = $1 AND kind = $2", kind)
    return [row["subject_id"] for row in found]


async def make_due(db: Database, scope: TenantScope) -> None:
    """Let the tenant's jobs be due now, as if time had passed."""
    await change(db, scope, "UPDATE tenant_jobs SET due_at = now() - interval '1 second' WHERE tenant_id = $1")


async def claim_own(db: Database, scope: TenantScope, kind: JobKind) -> list[Job]:
    """Claim everything due of a kind; return what is the tenant's. Other tests' tenants are in the database too."""
    return [job for job in await tenant_jobs.claim(db, kind, 10_000) if job.scope == scope]


async def work_off(db: Database, scope: TenantScope, kind: JobKind, work: Callable[[Job], Awaitable[float | None]]) -> int:
    """Do the tenant's due jobs of a kind as a worker does; return how many."""
    jobs = await claim_own(db, scope, kind)
    for job in jobs:
        await tenant_jobs.end(db, job, await work(job))
    return len(jobs)


@dataclass
class Letterbox:
    """A mailer that keeps what it is given; `fails` says what it raises for an address."""

    mails: list[tuple[str, str, str]] = field(default_factory=list)
    fails: dict[str, Exception] = field(default_factory=dict)

    async def send(self, recipient: str, subject: str, text: str) -> None:
        if recipient in self.fails:
            raise self.fails[recipient]
        self.mails.append((recipient, subject, text))

    @property
    def recipients(self) -> list[str]:
        return [recipient for recipient, _, _ in self.mails]
