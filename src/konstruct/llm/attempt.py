"""One attempt at one target: what it brought, how long it took, what it cost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from konstruct.llm.collect import Collector
from konstruct.llm.port import CallRecord, ChatRequest, Completion, LlmBackend, LlmError, Usage
from konstruct.llm.prices import Prices


class Attempt:
    """One call of `backend` for `request`, before, while and after it runs."""

    def __init__(self, backend: LlmBackend, request: ChatRequest, prices: Prices, clock: Callable[[], float]) -> None:
        self.backend = backend
        self.request = request
        self.clock = clock
        self.started_at = clock()
        self.ended_at: float | None = None
        self.collector: Collector | None = None
        self.outcome = "cancelled"
        self._prices = prices

    @property
    def asked_model(self) -> str:
        """The model that the call asks for."""
        return self.request.model or self.backend.model

    @property
    def started_answer(self) -> bool:
        """Whether a piece of the answer has come: then a second call would answer twice."""
        return self.collector is not None and self.collector.first_at is not None

    @property
    def record(self) -> CallRecord:
        """The attempt as it will stand in `llm_calls`."""
        finish = self.collector.finish if self.collector else None
        usage = finish.usage if finish else Usage()
        model = (finish.model if finish else None) or self.asked_model
        cost = self._prices.cost_micro(model, usage)
        if cost is None:
            # A gateway may name the model that answered in its own way; the one we asked for has our price.
            cost = self._prices.cost_micro(self.asked_model, usage)
        first_at = self.collector.first_at if self.collector else None
        return CallRecord(
            backend=self.backend.name,
            model=model,
            outcome=self.outcome,
            usage=usage,
            cost_micro=cost,
            latency_ms=self._millis(self.ended_at if self.ended_at is not None else self.clock()),
            first_token_ms=self._millis(first_at) if first_at is not None else None,
            started_at=self.started_at,
        )

    def completion(self, calls: tuple[CallRecord, ...]) -> Completion:
        """Return the whole answer of an attempt that ended well."""
        assert self.collector is not None and self.collector.finish is not None
        return Completion(self.collector.text, self.collector.tool_calls, self.collector.finish.reason, calls)

    def _millis(self, moment: float) -> int:
        return max(0, round((moment - self.started_at) * 1000))


async def run_attempt(attempt: Attempt, deadline: float, on_text: Callable[[str], Awaitable[None]] | None) -> LlmError | None:
    """Run the attempt until its answer is whole; return None, or the error it ended with. What `on_text` raises is passed on."""
    collector = attempt.collector = Collector(attempt.clock, on_text)
    limit = asyncio.timeout(max(0.0, deadline - attempt.clock()))
    error: LlmError | None = None
    try:
        async with limit:
            await collector.consume(attempt.backend.stream(attempt.request))
        attempt.outcome = "ok"
    except LlmError as failure:
        error = failure
    except TimeoutError:
        if not limit.expired():
            raise
        error = LlmError("timeout", "the deadline of the turn passed before the answer was whole")
    finally:
        attempt.ended_at = attempt.clock()
    if error is not None:
        attempt.outcome = error.kind
    return error
