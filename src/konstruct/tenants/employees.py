"""The employee: what its owner tells of it, kept in versions of which exactly one is in force."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.kit.text import storable
from konstruct.tenants import employees_repository as repository
from konstruct.tenants.employees_draft import NOTE_MAX, Draft
from konstruct.tenants.employees_repository import Author, Employee, Limits, Version

log = structlog.get_logger()

VERSIONS_PAGE = 30
MODEL_MAX = 200
CONTEXT_RANGE = (1000, 2_000_000)
REPLY_RANGE = (16, 64_000)
"""As the columns of `agents` have them."""


class DraftError(KonstructError):
    """A draft cannot be stored; `problems` holds one sentence for each field that is wrong."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {sentence}" for name, sentence in problems.items()))
        self.problems = problems


class StaleError(ConflictError):
    """Somebody else has saved since the draft was begun; `current` is what is in force now."""

    def __init__(self, current: Version) -> None:
        super().__init__(f"version {current.number} was saved in the meantime")
        self.current = current


@dataclass(frozen=True, slots=True)
class By:
    """An author by hand: for whoever changes the employee without being a member."""

    id: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What a save came to: the number in force, and whether it is new."""

    version: int
    changed: bool


async def get_current(session: TenantSession) -> Employee:
    """Return the tenant's employee as it is now. Raises NotFoundError."""
    return _found(await repository.current(session))


async def list_versions(session: TenantSession, *, before: int | None = None, limit: int = VERSIONS_PAGE) -> list[Version]:
    """Return the employee's versions, newest first; those below the number `before` if it is given."""
    return await repository.versions(session, before, limit)


async def get_version(session: TenantSession, number: int) -> Version:
    """Return one version. Raises NotFoundError."""
    # The column is an integer: a number that does not fit is no version either.
    found = await repository.version(session, number) if 0 < number < 2**31 else None
    if found is None:
        raise NotFoundError(f"there is no version {number}")
    return found


async def save(db: Database, scope: TenantScope, draft: Draft, based_on: int, member: Author, *, note: str = "") -> Saved:
    """Put `draft` in force as a new version, for the turns that start from now on; nothing happens if it says what is in
    force already. `based_on` is the version that the draft was begun with.

    Raises DraftError, NotFoundError, and StaleError if another version has come into force since.
    """
    draft = draft.tidy()
    if problems := draft.problems():
        raise DraftError(problems)
    return await db.run(scope, lambda session: _save(session, draft, based_on, member, note))


async def restore(db: Database, scope: TenantScope, number: int, based_on: int, member: Author) -> Saved:
    """Put a new version in force that says what version `number` says. Raises as `save` does."""

    async def work(session: TenantSession) -> Saved:
        old = await get_version(session, number)
        # What was in force once may be so again, whatever has been decided about lengths since.
        return await _save(session, old.draft, based_on, member, f"Version {number} restored")

    return await db.run(scope, work)


async def set_limits(db: Database, scope: TenantScope, limits: Limits) -> None:
    """Say what the employee may use for an answer. Raises DraftError, NotFoundError."""
    if problems := _limit_problems(limits):
        raise DraftError(problems)
    async with db.tenant(scope) as session:
        employee = _found(await repository.current(session))
        await repository.set_limits(session, employee.agent_id, limits)


async def _save(session: TenantSession, draft: Draft, based_on: int, member: Author, note: str) -> Saved:
    await repository.lock(session)
    employee = _found(await repository.current(session))
    now = employee.current
    # A form that was sent twice finds its own version in force.
    if draft.tidy() == now.draft.tidy():
        return Saved(now.number, False)
    if based_on != now.number:
        raise StaleError(now)
    author = By(member.id, storable(member.name)[:200])
    note = " ".join(storable(note).split())[:NOTE_MAX]
    await repository.put_in_force(session, employee.agent_id, now.number + 1, draft, author, note)
    log.info("employee_changed", agent_id=str(employee.agent_id), version=now.number + 1)
    return Saved(now.number + 1, True)


def _limit_problems(limits: Limits) -> dict[str, str]:
    found = {}
    if limits.model is not None and not 1 <= len(limits.model) <= MODEL_MAX:
        found["model"] = f"A model's name has at most {MODEL_MAX} characters."
    for name, value, (least, most) in (
        ("context_limit_tokens", limits.context_limit_tokens, CONTEXT_RANGE),
        ("reply_limit_tokens", limits.reply_limit_tokens, REPLY_RANGE),
    ):
        if not least <= value <= most:
            found[name] = f"Between {least:,} and {most:,}."
    if not found and limits.reply_limit_tokens >= limits.context_limit_tokens:
        found["reply_limit_tokens"] = "An answer must be shorter than all that the employee reads."
    return found


def _found(employee: Employee | None) -> Employee:
    if employee is None:
        raise NotFoundError("this business has no employee")
    return employee
