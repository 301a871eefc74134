"""How a number stands, for who looks at it: its rating, what is stopped and why, what it was, and what it may send today."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from konstruct.channels import verifications_repository
from konstruct.channels.outreach.today import Today, today
from konstruct.channels.quality import history_repository as history
from konstruct.channels.quality import replacing_repository as replacing
from konstruct.channels.quality import repository
from konstruct.channels.quality.history_repository import Change, Stand
from konstruct.channels.quality.replacing_repository import Candidate, Replacement
from konstruct.channels.quality.repository import Hold
from konstruct.channels.verifications_repository import Verification
from konstruct.db.session import TenantSession


@dataclass(frozen=True, slots=True)
class Report:
    """All that its page shows of a number."""

    is_number: bool
    """Whether it is a number of a business account at all."""
    stand: Stand | None
    """None: nothing was ever said of it."""
    resumable: bool
    """Whether a person may resume it now."""
    changes: Sequence[Change]
    """The newest first."""
    holds: Sequence[Hold]
    today: Today
    verification: Verification | None
    replacement: Replacement | None
    """By which number it was replaced, where it was."""
    candidates: Sequence[Candidate]
    """The numbers that could take its place."""


async def read(session: TenantSession, account_id: UUID) -> Report:
    """Return how a number stands."""
    return Report(
        is_number=await repository.is_number(session, account_id),
        stand=await history.stand(session, account_id),
        resumable=await repository.resumable(session, account_id),
        changes=await history.changes(session, account_id),
        holds=await repository.holds(session, account_id),
        today=await today(session, account_id),
        verification=await verifications_repository.current(session, account_id),
        replacement=await replacing.of_account(session, account_id),
        candidates=await replacing.candidates(session, account_id),
    )
