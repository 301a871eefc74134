"""The router: ordered targets, one deadline, cool-downs, a cap and a budget per tenant. The only place that retries a call."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from konstruct.llm.attempt import Attempt, run_attempt
from konstruct.llm.budget import Budget
from konstruct.llm.cooldown import Cooldowns
from konstruct.llm.port import CallRecord, ChatRequest, Completion, LlmBackend, LlmError, LlmFailed
from konstruct.llm.prices import Prices
from konstruct.llm.slots import TenantSlots
from konstruct.llm.spending import Spending

log = structlog.get_logger()

OnText = Callable[[str], Awaitable[None]]
ROUNDS = 3
"""How often each target is tried for one answer."""
PAUSE_S = 0.5
"""Pause after the first round in which every target failed; it doubles with each further one."""
PER_TENANT = 256
"""Calls that one tenant may have under way in a process. Above the engine's own cap, so that turns rarely wait for it."""


class Router:
    """Answers requests over ordered targets. Keeps cool-downs per target and nothing of a tenant between calls."""

    def __init__(
        self,
        targets: Sequence[LlmBackend],
        *,
        prices: Prices,
        budget: Budget | None = None,
        per_tenant: int = PER_TENANT,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`targets` are tried in order; the router closes them. `clock` is monotonic seconds, `jitter` a number from 0 to 1."""
        self.targets = tuple(targets)
        self._prices = prices
        self._spending = Spending(prices, budget)
        self._slots = TenantSlots(per_tenant)
        self._cooldowns = Cooldowns(clock)
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter

    async def complete(self, request: ChatRequest, *, deadline: float, on_text: OnText | None = None) -> Completion:
        """Return the whole answer; `on_text` gets each piece of its text as it comes.

        `deadline` is a moment of the monotonic clock. A failed call is tried again, here or at the next target, only
        until the first piece of an answer has come. Raises LlmFailed with every attempt; what `on_text` raises is
        passed on. Cancelling closes the HTTP call.
        """
        if not self.targets:
            raise LlmFailed(LlmError("unavailable", "no model target is configured"), ())
        try:
            async with self._slots.hold(request.scope, deadline - self._clock()):
                return await self._paid(request, deadline, on_text)
        except LlmError as error:
            raise LlmFailed(error, ()) from None

    async def close(self) -> None:
        """Close every target's connections."""
        for target in self.targets:
            await target.close()

    async def _paid(self, request: ChatRequest, deadline: float, on_text: OnText | None) -> Completion:
        async with self._spending.account(request, self.targets, deadline - self._clock()) as account:
            if account.refused:
                raise LlmFailed(LlmError("over_budget", "the tenant's budget for this month is used up"), ())
            return await self._rounds(request, deadline, on_text, account.attempts)

    async def _rounds(self, request: ChatRequest, deadline: float, on_text: OnText | None, attempts: list[Attempt]) -> Completion:
        last = LlmError("timeout", "the deadline passed before a model was called")
        for turn in range(ROUNDS):
            for position, target in enumerate(self.targets):
                if self._clock() >= deadline:
                    raise LlmFailed(last, _records(attempts))
                if self._cooldowns.remaining(position):
                    last = self._cooldowns.why(position)
                    continue
                attempt = Attempt(target, request, self._prices, self._clock)
                attempts.append(attempt)
                error = await run_attempt(attempt, deadline, on_text)
                if error is None:
                    self._cooldowns.succeeded(position)
                    return attempt.completion(_records(attempts))
                self._note(position, attempt, error)
                last = error
                if attempt.started_answer or not error.transient:
                    raise LlmFailed(last, _records(attempts))
            pause = self._pause(turn)
            if turn == ROUNDS - 1 or self._clock() + pause >= deadline:
                break
            await self._sleep(pause)
        raise LlmFailed(last, _records(attempts))

    def _note(self, position: int, attempt: Attempt, error: LlmError) -> None:
        # A long answer that our own deadline cut short says nothing against its target.
        if not (error.kind == "timeout" and attempt.started_answer):
            self._cooldowns.failed(position, error)
        backend = attempt.backend
        log.warning("llm_attempt_failed", backend=backend.name, model=backend.model, kind=error.kind, status=error.status)

    def _pause(self, turn: int) -> float:
        """Seconds until the next round: until the first resting target is ready, if all of them rest."""
        rests = min(self._cooldowns.remaining(position) for position in range(len(self.targets)))
        pause = max(rests, PAUSE_S * 2.0**turn)
        # Turns that failed together must not come back in the same instant.
        return pause + self._jitter() * min(pause, 1.0)


def _records(attempts: Sequence[Attempt]) -> tuple[CallRecord, ...]:
    return tuple(attempt.record for attempt in attempts)
