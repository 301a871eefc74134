"""A tenant's monthly budget: reserved before a call, settled after it, so that calls at the same time cannot overrun it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.llm import budget_notices, budget_repository


@dataclass(frozen=True, slots=True)
class Reservation:
    """Money set aside in the month that began on `period`; millionths of a US dollar."""

    id: UUID
    period: date
    amount_micro: int


class Budget(Protocol):
    """Where the router asks before it spends."""

    async def reserve(self, scope: TenantScope, amount_micro: int, lasts_s: float) -> Reservation | None:
        """Set `amount_micro` aside; return None if the tenant's budget does not hold it.

        After `lasts_s` without a settlement the money is free again: its process has died.
        """

    async def settle(self, scope: TenantScope, reservation: Reservation, spent_micro: int) -> None:
        """Give the reservation back and book what was spent."""


class PostgresBudget:
    """The budget in `llm_budgets`. A tenant without a limit is never refused, and still counted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def reserve(self, scope: TenantScope, amount_micro: int, lasts_s: float) -> Reservation | None:
        """Set `amount_micro` aside in the current month; return None if that would pass the limit."""
        reservation_id = uuid7()
        async with self._db.tenant(scope) as session:
            period = await budget_repository.reserve(session, reservation_id, amount_micro, lasts_s)
            if period is None:
                await budget_notices.refused(session)
        return Reservation(reservation_id, period, amount_micro) if period is not None else None

    async def settle(self, scope: TenantScope, reservation: Reservation, spent_micro: int) -> None:
        """Give the reservation back and book `spent_micro` in the month of the reservation."""
        async with self._db.tenant(scope) as session:
            settled = await budget_repository.settle(session, reservation.period, reservation.id, spent_micro)
            if settled is not None:
                await budget_notices.spent(session, reservation.period, settled)
