"""Faults on request: the next calls of a method fail the way the real service sometimes does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from pydantic import BaseModel, Field


class FaultOrder(BaseModel):
    """Make the next `times` authenticated calls of `method` fail.

    `answer`: an HTTP status to give; `error`: a refusal with the code `error`; `later` (WhatsApp): taken, and a status says
    later that it failed with that code; or `hang`: no answer for `seconds`, then the connection ends with a 504.
    `accept`: whether the call takes effect first, so that only its answer is lost.
    """

    method: str = "chat.postMessage"
    answer: Literal["429", "500", "503", "hang", "error", "later"] = "500"
    error: str = Field(default="internal_error", max_length=100)
    times: int = Field(default=1, ge=1, le=100_000)
    accept: bool = False
    seconds: float = Field(default=30.0, ge=0, le=600, description="length of a hang; of a 429, Retry-After")


@dataclass(frozen=True, slots=True)
class Fault:
    """One pending order."""

    order: FaultOrder
    left: int


class Faults:
    """The orders still to be carried out, in the order they came."""

    def __init__(self) -> None:
        self._pending: list[Fault] = []

    def add(self, order: FaultOrder) -> None:
        """Queue an order."""
        self._pending.append(Fault(order, order.times))

    def clear(self) -> None:
        """Drop all orders."""
        self._pending.clear()

    def pending(self) -> list[Fault]:
        """Return the orders still to be carried out, in the order they came."""
        return list(self._pending)

    def left(self) -> int:
        """Return how many faults are still to come."""
        return sum(fault.left for fault in self._pending)

    def next(self, method: str) -> FaultOrder | None:
        """Return the fault that this call of `method` meets, and count it; None for none."""
        for position, fault in enumerate(self._pending):
            if fault.order.method == method:
                if fault.left == 1:
                    del self._pending[position]
                else:
                    self._pending[position] = replace(fault, left=fault.left - 1)
                return fault.order
        return None
