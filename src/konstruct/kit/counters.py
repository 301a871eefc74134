"""Counters and histograms of one process: thread-safe, without global state, and plain JSON when they travel."""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
"""Upper bounds in seconds, from an acknowledgement to a turn's deadline; a last bucket holds what took longer."""
SERIES_MAX = 64
"""Label sets kept per name; what comes after is counted under `other`, so that no input can grow a process."""

Labels = tuple[tuple[str, str], ...]
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,60}")


@dataclass(slots=True)
class Histogram:
    """How many observations fell into each bucket (not cumulated), and their sum in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    @property
    def count(self) -> int:
        """How many observations there were."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Return the value below which `share` (0 to 1) of the observations lie, interpolated within its bucket.

        None without observations; the last bound for what lies above it.
        """
        target, seen = share * self.count, 0
        if not self.count:
            return None
        for place, count in enumerate(self.counts[:-1]):
            if count and seen + count >= target:
                low = BUCKETS[place - 1] if place else 0.0
                return low + (BUCKETS[place] - low) * (target - seen) / count
            seen += count
        return BUCKETS[-1]


@dataclass(slots=True)
class Snapshot:
    """What was counted up to now, by name and labels."""

    counts: dict[tuple[str, Labels], float] = field(default_factory=dict)
    histograms: dict[tuple[str, Labels], Histogram] = field(default_factory=dict)

    def add(self, other: Snapshot) -> None:
        """Add what `other` counted."""
        for series, value in other.counts.items():
            self.counts[series] = self.counts.get(series, 0) + value
        for series, histogram in other.histograms.items():
            mine = self.histograms.setdefault(series, Histogram())
            mine.counts = [left + right for left, right in zip(mine.counts, histogram.counts, strict=True)]
            mine.total += histogram.total

    def count(self, name: str, **labels: str) -> float:
        """Return one counter's value, 0 if nothing was counted."""
        return self.counts.get((name, tuple(sorted(labels.items()))), 0)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data that `from_json` reads."""
        return {
            "counts": [[name, dict(labels), value] for (name, labels), value in self.counts.items()],
            "histograms": [[name, dict(labels), h.counts, h.total] for (name, labels), h in self.histograms.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Snapshot:
        """Return the snapshot that `data` holds. A histogram with other buckets (an older release) is left out."""
        snapshot = cls()
        for name, labels, value in data.get("counts", ()):
            snapshot.counts[name, tuple(sorted(labels.items()))] = value
        for name, labels, counts, total in data.get("histograms", ()):
            if len(counts) == len(BUCKETS) + 1:
                snapshot.histograms[name, tuple(sorted(labels.items()))] = Histogram(list(counts), total)
        return snapshot

    @classmethod
    def merged(cls, parts: Iterable[Snapshot]) -> Snapshot:
        """Return the sum of `parts`."""
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole


class Counters:
    """One process's counters. Label values are words (`outcome="answered"`), never a tenant, a person or a text."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = Snapshot()
        self._series: dict[str, int] = {}

    def inc(self, name: str, amount: float = 1, **labels: str) -> None:
        """Add `amount` to a counter."""
        with self._lock:
            series = self._series_of(name, labels, self._now.counts)
            self._now.counts[series] = self._now.counts.get(series, 0) + amount

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        """Add one observation to a histogram."""
        with self._lock:
            series = self._series_of(name, labels, self._now.histograms)
            histogram = self._now.histograms.setdefault(series, Histogram())
            histogram.counts[bisect_left(BUCKETS, seconds)] += 1
            histogram.total += seconds

    def snapshot(self) -> Snapshot:
        """Return a copy of what was counted since the process started."""
        with self._lock:
            return Snapshot.merged([self._now])

    def _series_of(self, name: str, labels: Mapping[str, str], known: Mapping[tuple[str, Labels], object]) -> tuple[str, Labels]:
        words = {key: value if _WORD.fullmatch(value) else "other" for key, value in labels.items()}
        series = (name, tuple(sorted(words.items())))
        if series in known:
            return series
        if self._series.get(name, 0) >= SERIES_MAX:
            return name, tuple(sorted((key, "other") for key in labels))
        self._series[name] = self._series.get(name, 0) + 1
        return series
