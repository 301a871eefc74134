"""Targets that are left alone for a while after they failed. Holds no tenant's data and one entry per target at most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from konstruct.llm.port import LlmError

RATE_LIMIT_S = 5.0
"""Rest after a 429 that does not say how long."""
RETRY_AFTER_MAX_S = 3600.0
"""A Retry-After above an hour is taken as an hour: a wrong clock must not silence a target for a day."""
REST_MAX_S = 30.0
FAILURES_BEFORE_REST = 3
"""One lost connection or one slow prompt is no reason to rest a target that serves other tenants well."""


@dataclass(slots=True)
class _State:
    failures: int = 0
    rests: int = 0
    until: float = 0.0
    why: LlmError | None = None


class Cooldowns:
    """Rest per target, by its position. `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._states: dict[int, _State] = {}

    def remaining(self, target: int) -> float:
        """Return how many seconds `target` still rests; 0 if it is ready."""
        state = self._states.get(target)
        return max(0.0, state.until - self._clock()) if state else 0.0

    def why(self, target: int) -> LlmError:
        """Return the error that a resting target stands for, with the rest of its rest."""
        state = self._states.get(target)
        kind = state.why.kind if state and state.why else "unavailable"
        return LlmError(kind, "the model target rests after failures", retry_after_s=self.remaining(target))

    def succeeded(self, target: int) -> None:
        """Forget the target's failures; a rest that the provider asked for goes on."""
        state = self._states.get(target)
        if state is not None and self.remaining(target) == 0.0:
            del self._states[target]

    def failed(self, target: int, error: LlmError) -> None:
        """Count a failure; rest the target after a rate limit at once, after unreachability and time-outs in a row."""
        if error.kind == "rate_limited":
            asked = error.retry_after_s if error.retry_after_s is not None else RATE_LIMIT_S
            self._rest(target, min(asked, RETRY_AFTER_MAX_S), error)
        elif error.kind in ("unavailable", "timeout"):
            state = self._states.setdefault(target, _State())
            state.failures += 1
            if error.retry_after_s is not None:
                self._rest(target, min(error.retry_after_s, RETRY_AFTER_MAX_S), error)
            elif state.failures >= FAILURES_BEFORE_REST and self.remaining(target) == 0.0:
                # Calls that began before the rest and fail during it must not lengthen it.
                state.rests += 1
                self._rest(target, min(REST_MAX_S, 2.0 ** (state.rests - 1)), error)

    def _rest(self, target: int, seconds: float, error: LlmError) -> None:
        state = self._states.setdefault(target, _State())
        until = self._clock() + seconds
        if until > state.until:
            state.until, state.why = until, error
