"""What follows when a number stands otherwise than before: what may be sent, who is told, and what a person has to decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository, accounts_status_repository
from konstruct.channels.quality import repository
from konstruct.channels.quality.levels import SEVERE, Level, worse
from konstruct.channels.quality.machine import Observation, Resumed, Standing, Tripped, step
from konstruct.channels.quality.repository import Held
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.tenants import notices, notices_numbers

log = structlog.get_logger()

NOTE_MAX = 2000


@dataclass(frozen=True, slots=True)
class Moved:
    """A number that stands otherwise than before."""

    account_id: UUID
    old: Level
    new: Level
    cause: str | None


async def observe(session: TenantSession, account_ids: Sequence[UUID], observation: Observation) -> list[Moved]:
    """Let the accounts stand as `observation` says, and do what follows from it here. What follows once that is committed does
    `follow`."""
    now, locked = await repository.lock(session, account_ids)
    after = [(held, step(held.standing, observation, now)) for held in locked]
    changed = [(held, new) for held, new in after if new != held.standing]
    if changed:
        await repository.save(session, [(held.account_id, new) for held, new in changed])
    await _hold(session, observation, after)
    moved = []
    for held, new in changed:
        if (new.level, new.hold) != (held.standing.level, held.standing.hold):
            # A handful of numbers at the most: those of one business account.
            await _tell(session, held, new)
            moved.append(Moved(held.account_id, held.standing.level, new.level, new.cause))
    return moved


async def resume(session: TenantSession, account_id: UUID, member_id: UUID | None, name: str, note: str) -> list[Moved]:
    """A person has looked into it: people may be written to first again, and after a ban anything may be sent.

    Raises NotFoundError, and ConflictError where there is nothing to resume or the provider itself still says no.
    """
    _, locked = await repository.lock(session, [account_id])
    if not locked:
        raise NotFoundError(f"there is no channel account {account_id}")
    standing = locked[0].standing
    if not standing.resumable:
        raise ConflictError("there is nothing to resume, or the provider itself still restricts the number")
    await repository.release(session, account_id, member_id, name, note.strip()[:NOTE_MAX])
    return await observe(session, [account_id], Resumed())


async def follow(db: Database, scope: TenantScope, moved: Sequence[Moved]) -> None:
    """Tell the operators, and let what waited go out, after the transaction that changed something has committed."""
    tell_operators(scope, moved)
    for each in moved:
        if worse(each.old, each.new):
            # Lanes are locked before standings where something is sent: not in one transaction with them.
            await _wake(db, scope, each.account_id)


async def _wake(db: Database, scope: TenantScope, account_id: UUID) -> None:
    await db.run(scope, lambda session: accounts_repository.wake_sends(session, account_id))


def tell_operators(scope: TenantScope, moved: Sequence[Moved]) -> None:
    """Write one line for each number that stands otherwise."""
    for each in moved:
        severe = each.new in SEVERE and worse(each.new, each.old)
        (log.error if severe else log.warning if worse(each.new, each.old) else log.info)(
            "number_alert" if severe else "number_standing",
            tenant_id=str(scope.tenant_id),
            account_id=str(each.account_id),
            level=each.new,
            before=each.old,
            cause=each.cause,
        )


async def _hold(session: TenantSession, observation: Observation, after: Sequence[tuple[Held, Standing]]) -> None:
    """Note what a person has to look into, for those that are held for more than before; a trip is noted in any case."""
    tripped = isinstance(observation, Tripped)
    held = [(each.account_id, new) for each, new in after if tripped or worse(new.hold, each.standing.hold)]
    if held:
        cause = getattr(observation, "cause", None) or "unknown"
        figures = dict(observation.figures) if isinstance(observation, Tripped) else {}
        level: Level = "no_outreach" if tripped else held[0][1].level
        await repository.hold(session, [account_id for account_id, _ in held], cause, level, figures)


async def _tell(session: TenantSession, held: Held, new: Standing) -> None:
    """The history of the account has a line more, and its owner one notice for how it stands now."""
    subject = str(held.account_id)
    if new.level != held.standing.level:
        await accounts_status_repository.note(session, held.account_id, f"number_{new.level}")
    kinds = [kind for level, kind in notices_numbers.KINDS.items() if level != new.level]
    await notices.settle(session, *kinds, subject=subject)
    if new.level != "open":
        await notices.raise_notice(
            session, notices_numbers.number_stands(held.account_id, held.kind, held.place, new.level, held=new.hold != "open")
        )
