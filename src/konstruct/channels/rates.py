"""How often each method of a channel's provider may be called: the values of a table that each channel has for itself."""

from __future__ import annotations

from dataclasses import dataclass

POST = "post"
"""Showing a message, in the words of the sender, which knows no provider's method."""
HISTORY = "history"
"""Reading back what a conversation holds."""
WORKING = "working"
"""Showing that the employee is at work, or no more."""
PRIVATE = "private"
"""Telling one person something that nobody else sees."""
DIALOG = "dialog"
"""Opening a dialog."""
PAGE = "page"
"""Showing a person the employee's page."""
REDRAW = "redraw"
"""Giving a message of ours other words."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What one workspace grants for a method. Methods with the same `bucket` share one count; by default it is their own."""

    per_minute: int | None
    """Calls in any minute, bursts included; None: as many as you like."""
    burst: int = 1
    """How many at once, after a quiet time."""
    channel_per_s: float | None = None
    """Calls a second and channel, besides."""
    bucket: str = ""
    kept: bool = False
    """Whether PostgreSQL holds it too, where the provider punishes who calls too often: then it holds without Valkey."""

    @property
    def spacing_s(self) -> float:
        """Seconds between two calls to one channel."""
        return 0.0 if self.channel_per_s is None else 1 / self.channel_per_s

    @property
    def interval_s(self) -> float:
        """Seconds between two calls in the long run: with a burst before them, a minute holds `per_minute` all the same."""
        return 0.0 if self.per_minute is None else 60 / (self.per_minute - self.burst + 1)


CAREFUL = {
    POST: Rate(per_minute=None, channel_per_s=1.0),
    HISTORY: Rate(per_minute=1),
    WORKING: Rate(per_minute=None, channel_per_s=1.0),
}
"""For a channel whose table does not name them: one message a second and channel is within any provider's limits."""
UNNAMED = Rate(per_minute=20)
"""For a method that no table names."""
