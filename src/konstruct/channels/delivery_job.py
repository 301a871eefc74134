"""What the sender works with in one claim of its lane."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.channels.deliveries_repository import Sender
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.jobs.queue import Claim


class LaneWaits(Exception):  # noqa: N818  # control flow of one claim, not an error
    """The lane has to wait: it is given back, due in `seconds`."""

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
