"""Work on one tenant that is no conversation's: events of its channels, e-mail, retention, export, erasing. Rows hold ids
and times only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Session

JobKind = Literal[
    "notice_mail",
    "retention",
    "export",
    "erase",
    "channel_event",
    "token_renewal",
    "forget_person",
    "template_sync",
    "account_watch",
    "number_poll",
    "number_watch",
    "number_replacement",
]
LEASE_S = 60.0


@dataclass(frozen=True, slots=True)
class Job:
    """A piece of work, leased to this process. `epoch` and `seq` prove it when it is renewed or ended."""

    scope: TenantScope
    kind: JobKind
    subject_id: UUID
    epoch: int
    seq: int
    attempts: int
    """How often it was claimed since it last went well: above 1, an earlier claim ended badly."""

    @property
    def key(self) -> tuple[UUID, JobKind, UUID]:
        """What names its row."""
        return self.scope.tenant_id, self.kind, self.subject_id


async def ask(session: Session, scope: TenantScope, kind: JobKind, subject_id: UUID, *, wait_s: float = 0.0) -> None:
    """Ask for the work, due after `wait_s` seconds, in the caller's transaction. What is under way is done once more."""
    await session.execute(
        "INSERT INTO tenant_jobs AS j (tenant_id, kind, subject_id, due_at) VALUES ($1, $2, $3, now() + $4)"
        " ON CONFLICT (tenant_id, kind, subject_id) DO UPDATE SET seq = j.seq + 1,"
        "   due_at = CASE WHEN j.attempts = 0 THEN least(j.due_at, excluded.due_at) ELSE j.due_at END",
        scope.tenant_id,
        kind,
        subject_id,
        timedelta(seconds=wait_s),
    )


async def ask_all(session: Session, scope: TenantScope, kind: JobKind, subject_ids: Sequence[UUID]) -> None:
    """Ask for work on each of these, none of which is asked for yet."""
    await session.execute(
        "INSERT INTO tenant_jobs (tenant_id, kind, subject_id) SELECT $1, $2, s FROM unnest($3::uuid[]) AS s"
        " ON CONFLICT DO NOTHING",
        scope.tenant_id,
        kind,
        list(subject_ids),
    )


async def ask_first(session: Session, scope: TenantScope, kind: JobKind, subject_id: UUID, *, wait_s: float) -> None:
    """Ask for the work unless it is asked for already: then it stays as it is, and what is under way is not done again."""
    await session.execute(
        "INSERT INTO tenant_jobs (tenant_id, kind, subject_id, due_at) VALUES ($1, $2, $3, now() + $4) ON CONFLICT DO NOTHING",
        scope.tenant_id,
        kind,
        subject_id,
        timedelta(seconds=wait_s),
    )


async def forget(session: Session, scope: TenantScope, kind: JobKind, subject_id: UUID) -> None:
    """Ask for it no more."""
    await session.execute(
        "DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3", scope.tenant_id, kind, subject_id
    )


async def claim(db: Database, kind: JobKind, limit: int, lease_s: float = LEASE_S) -> list[Job]:
    """Lease up to `limit` due jobs, of each tenant in turn, those of active tenants; erasing is for tenants that are being
    erased."""
    rows = await db.fleet_fetch(
        "claim tenant jobs",
        "WITH due AS (SELECT q.tenant_id, q.kind, q.subject_id, q.due_at,"
        "     row_number() OVER (PARTITION BY q.tenant_id ORDER BY q.due_at) AS nth"
        "   FROM tenant_jobs q JOIN tenant_directory d ON d.tenant_id = q.tenant_id"
        "   WHERE q.kind = $1 AND q.due_at <= now() AND d.status = CASE $1 WHEN 'erase' THEN 'erasing' ELSE 'active' END),"
        " chosen AS (SELECT q.tenant_id, q.kind, q.subject_id FROM tenant_jobs q JOIN due USING (tenant_id, kind, subject_id)"
        "   WHERE q.due_at <= now() ORDER BY due.nth, due.due_at LIMIT $2 FOR UPDATE OF q SKIP LOCKED)"
        " UPDATE tenant_jobs j SET due_at = now() + $3, epoch = j.epoch + 1, attempts = j.attempts + 1 FROM chosen"
        " WHERE j.tenant_id = chosen.tenant_id AND j.kind = chosen.kind AND j.subject_id = chosen.subject_id"
        " RETURNING j.tenant_id, j.subject_id, j.epoch, j.seq, j.attempts",
        kind,
        limit,
        timedelta(seconds=lease_s),
    )
    return [Job(TenantScope(r["tenant_id"]), kind, r["subject_id"], r["epoch"], r["seq"], r["attempts"]) for r in rows]


async def renew(db: Database, job: Job, lease_s: float = LEASE_S) -> bool:
    """Prolong the lease; False if the job is no longer ours, or gone."""
    return bool(
        await db.fleet_fetch(
            "renew tenant job",
            "UPDATE tenant_jobs SET due_at = now() + $5"
            " WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND epoch = $4 RETURNING true",
            *job.key,
            job.epoch,
            timedelta(seconds=lease_s),
        )
    )


async def end(db: Database, job: Job, again_s: float | None = None) -> None:
    """It went well: the row goes, unless it was asked for again meanwhile or is to be done again in `again_s` seconds."""
    async with db.fleet("end tenant job") as session:
        if again_s is None:
            await session.execute(
                "DELETE FROM tenant_jobs WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND epoch = $4 AND seq = $5",
                *job.key,
                job.epoch,
                job.seq,
            )
        await session.execute(
            "UPDATE tenant_jobs SET attempts = 0, due_at = CASE WHEN seq = $5 THEN now() + $6 ELSE now() END"
            " WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND epoch = $4",
            *job.key,
            job.epoch,
            job.seq,
            timedelta(seconds=again_s or 0.0),
        )


async def fail(db: Database, job: Job, wait_s: float) -> None:
    """It went wrong: it is due again after `wait_s` seconds."""
    await db.fleet_fetch(
        "fail tenant job",
        "UPDATE tenant_jobs SET due_at = now() + $5 WHERE tenant_id = $1 AND kind = $2 AND subject_id = $3 AND epoch = $4",
        *job.key,
        job.epoch,
        timedelta(seconds=wait_s),
    )
