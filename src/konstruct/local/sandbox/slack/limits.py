"""Slack's rate limits, as token buckets per method and workspace (chat.postMessage: per channel)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from konstruct.local.sandbox.slack.errors import RateLimited


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` calls at once, refilled by `per_s` a second; `per_channel` counts each channel by itself."""

    burst: float
    per_s: float
    per_channel: bool = False


def _per_minute(count: int) -> Rate:
    return Rate(burst=count, per_s=count / 60)


TIER_2, TIER_3, TIER_4 = _per_minute(20), _per_minute(50), _per_minute(100)

SLACK_RATES: Mapping[str, Rate] = {
    # One a second and channel; "short bursts" are allowed, without a published figure: five here.
    "chat.postMessage": Rate(burst=5, per_s=1, per_channel=True),
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.startStream": TIER_2,
    "chat.appendStream": TIER_4,
    "chat.stopStream": TIER_2,
    "assistant.threads.setSuggestedPrompts": TIER_4,
    "assistant.threads.setTitle": TIER_4,
    # "Special": no published figure. A refresh per second and thread passes.
    "assistant.threads.setStatus": _per_minute(600),
    # Apps outside the Marketplace that are distributed commercially, since 29 May 2025.
    "conversations.replies": _per_minute(1),
    "conversations.history": _per_minute(1),
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "users.info": TIER_4,
    "files.info": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "chat.postEphemeral": TIER_4,
    "views.open": TIER_4,
    "views.push": TIER_4,
    "views.update": TIER_4,
    "views.publish": TIER_4,
    "auth.test": _per_minute(600),
}
"""Source: docs.slack.dev, each method's page and "Rate limits"."""


POSTING = frozenset({"chat.postMessage", "chat.postEphemeral", "chat.startStream", "files.completeUploadExternal"})
WORKSPACE_RATE = Rate(burst=300, per_s=5)
"""What all posts of an app into one workspace may come to; Slack says "several hundred messages per minute"."""


class Limiter:
    """The buckets of one simulated Slack. `clock` returns seconds and only ever grows."""

    def __init__(self, rates: Mapping[str, Rate] = SLACK_RATES, clock: Callable[[], float] = time.monotonic) -> None:
        self._rates = rates
        self._clock = clock
        self._buckets: dict[tuple[str, str, str], tuple[float, float]] = {}

    def take(self, method: str, team_id: str, channel_id: str = "") -> None:
        """Count one call. Raises RateLimited, with whole seconds to wait, when one of its buckets is empty."""
        rate = self._rates.get(method)
        if rate is None:
            return
        buckets = {(method, team_id, channel_id if rate.per_channel else ""): rate}
        if method in POSTING:
            buckets["posts", team_id, ""] = WORKSPACE_RATE
        now = self._clock()
        levels = {key: self._level(key, each, now) for key, each in buckets.items()}
        waits = [(1 - levels[key]) / each.per_s for key, each in buckets.items() if levels[key] < 1]
        self._buckets.update({key: (level - (0 if waits else 1), now) for key, level in levels.items()})
        if waits:
            raise RateLimited(max(1, math.ceil(max(waits))))

    def _level(self, key: tuple[str, str, str], rate: Rate, now: float) -> float:
        level, then = self._buckets.get(key, (rate.burst, now))
        return min(rate.burst, level + (now - then) * rate.per_s)

    def forget(self) -> None:
        """Fill every bucket again."""
        self._buckets.clear()
