"""What the sender works with in one claim of its lane."""

from __future__ import annotations

import time
from dataclasses import dataclass

from konstruct.channels import window
from konstruct.channels.deliveries_repository import Sender
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.jobs.queue import Claim


class LaneWaits(Exception):  # noqa: N818  # control flow of one claim, not an error
    """The lane has to wait: it is given back, due in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


class DeliveryWaits(Exception):  # noqa: N818  # likewise
    """One delivery has to wait for `seconds`; what is behind it may go before it."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"{seconds:.1f} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Job:
    """A claim, and who sends for it."""

    claim: Claim
    sender: Sender
    adapter: ChannelAdapter
    credential: Credential
    read_at: float
    """When its sender was read, on the monotonic clock."""

    def method(self, name: str) -> str:
        """Return what `name` is called in the limits: each kind of channel has a rate of its own for it."""
        return f"{self.sender.kind}.{name}"

    def closed(self) -> str | None:
        """Return why nothing may be sent to the person any more, or None."""
        heard_s, window_s, since_s = self.sender.heard_s, self.sender.window_s, time.monotonic() - self.read_at
        return window.closed(
            self.adapter.caps,
            None if heard_s is None else heard_s + since_s,
            None if window_s is None else window_s - since_s,
        )

    @property
    def waits_outside(self) -> bool:
        """Whether what comes too late for the reply window waits for the next one: only a template goes meanwhile."""
        return self.adapter.caps.outside_window == "template"
