"""What the morning page says, and which steps of the start are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from konstruct.conversations.ratings_repository import Share
from konstruct.web.portal.home.overview_repository import ChannelLine, Day


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the guided start."""

    title: str
    text: str
    path: str
    action: str
    done: bool


@dataclass(frozen=True, slots=True)
class Morning:
    """The morning page."""

    day: Day
    channels: Sequence[ChannelLine]
    share: Share
    """The ratings of the last seven days."""
    demo: bool
    """Whether no language model is connected."""
    sandbox: bool

    @property
    def steps(self) -> tuple[Step, ...]:
        """The guided start: what a new owner does, in this order."""
        talked = self.day.tried or self.day.answered + self.day.answered_before > 0
        return (
            Step(
                "Say who your employee is",
                "A name, a tone, what it does and what it must not do.",
                "/employee",
                "Describe it",
                self.day.described,
            ),
            Step(
                "Give it something to know",
                "Opening hours, prices, return policy: it answers from your documents.",
                "/knowledge",
                "Add a document",
                self.day.documents > 0,
            ),
            Step("Try it", "Ask what your customers ask, before anybody else does.", "/employee#try", "Ask a question", talked),
            Step(
                "Connect a channel",
                "From then on it answers where your people already talk.",
                "/channels",
                "Connect",
                bool(self.channels),
            ),
        )

    @property
    def is_new(self) -> bool:
        """Whether a step of the start is still ahead."""
        return not all(step.done for step in self.steps)

    @property
    def paused(self) -> Sequence[ChannelLine]:
        """Channels in which the employee answers nobody."""
        return [channel for channel in self.channels if channel.paused]

    @property
    def broken(self) -> Sequence[ChannelLine]:
        """Channels that do not work."""
        return [channel for channel in self.channels if channel.status == "broken"]
