"""Ties a call to its tenant's budget: reserves before the first attempt, settles after the last, however that ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog

from konstruct.db.scope import TenantScope
from konstruct.llm.attempt import Attempt
from konstruct.llm.budget import Budget, Reservation
from konstruct.llm.port import ChatRequest, LlmBackend
from konstruct.llm.prices import Prices

log = structlog.get_logger()


SETTLE_S = 60.0
"""How long a reservation outlives its call's deadline: time to end the last attempt and to settle."""


@dataclass(slots=True)
class Account:
    """The attempts that one reservation pays for."""

    refused: bool = False
    attempts: list[Attempt] = field(default_factory=list)


class Spending:
    """Reserves and settles. Where every target is free, the budget is not asked at all."""

    def __init__(self, prices: Prices, budget: Budget | None) -> None:
        self._prices = prices
        self._budget = budget
        self._settling: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def account(self, request: ChatRequest, targets: Sequence[LlmBackend], remaining_s: float) -> AsyncIterator[Account]:
        """Reserve what the dearest target may cost; settle at the end, also after an error or a cancellation.

        `remaining_s`: until the call's deadline.
        """
        account = Account()
        bound = self._bound(request, targets)
        if self._budget is None or bound == 0:
            yield account
            return
        reservation = await self._budget.reserve(request.scope, bound or 0, max(0.0, remaining_s) + SETTLE_S)
        account.refused = reservation is None
        try:
            yield account
        finally:
            if reservation is not None:
                # A cancelled turn must still give its reservation back.
                await self._shielded(self._settle(self._budget, request.scope, reservation, account))

    async def _shielded(self, settling: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(settling)
        # The loop holds tasks weakly: this keeps it alive if the wait for it is cancelled as well.
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
        await asyncio.shield(task)

    async def _settle(self, budget: Budget, scope: TenantScope, reservation: Reservation, account: Account) -> None:
        spent = sum(_charge(attempt, reservation.amount_micro) for attempt in account.attempts)
        try:
            await budget.settle(scope, reservation, spent)
        except Exception as error:
            # The answer exists and must not be lost for its bookkeeping; the reservation stays until it expires.
            log.error("llm_budget_unsettled", tenant_id=str(scope.tenant_id), error=type(error).__name__)

    def _bound(self, request: ChatRequest, targets: Sequence[LlmBackend]) -> int | None:
        """The most that one attempt may cost at any target; None if no price is known."""
        size = sum(len(message.content.encode("utf-8", "replace")) for message in request.messages)
        size += sum(len(tool.description) + len(str(tool.parameters)) for tool in request.tools)
        bounds = [self._prices.bound_micro(request.model or target.model, size, request.max_output_tokens) for target in targets]
        known = [bound for bound in bounds if bound is not None]
        if not known or (len(known) < len(bounds) and max(known) == 0):
            return None
        return max(known)


def _charge(attempt: Attempt, reserved_micro: int) -> int:
    """The cost of an attempt; where an answer began but its usage is not known, the reserved bound."""
    cost = attempt.record.cost_micro
    if cost is not None:
        return cost
    return reserved_micro if attempt.started_answer else 0
