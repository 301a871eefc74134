"""Counters and histograms: exact under threads, mergeable, bounded."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from konstruct.kit.counters import BUCKETS, SERIES_MAX, Counters, Histogram, Snapshot


def test_no_count_is_lost_between_threads() -> None:
    counters = Counters()

    def work(_: int) -> None:
        for _ in range(2000):
            counters.inc("turns_total", outcome="answered")
            counters.observe("model_latency_s", 0.2)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    snapshot = counters.snapshot()
    assert snapshot.count("turns_total", outcome="answered") == 16000
    assert snapshot.histograms["model_latency_s", ()].count == 16000


def test_a_snapshot_does_not_change_afterwards() -> None:
    counters = Counters()
    counters.observe("ack_s", 0.01)
    before = counters.snapshot()
    counters.observe("ack_s", 0.01)
    assert before.histograms["ack_s", ()].count == 1


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["x", "y"]), st.floats(0, 500)), max_size=30))
def test_json_and_merge_keep_every_count(events: list[tuple[str, str, float]]) -> None:
    whole, halves = Counters(), (Counters(), Counters())
    for place, (name, label, seconds) in enumerate(events):
        for counters in (whole, halves[place % 2]):
            counters.inc(name, kind=label)
            counters.observe(f"{name}_s", seconds, kind=label)
    travelled = [Snapshot.from_json(json.loads(json.dumps(half.snapshot().to_json()))) for half in halves]
    merged, expected = Snapshot.merged(travelled), whole.snapshot()
    assert merged.counts == expected.counts
    assert {key: one.counts for key, one in merged.histograms.items()} == {
        key: one.counts for key, one in expected.histograms.items()
    }


@given(st.lists(st.floats(0.0001, 119), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    counters = Counters()
    for value in values:
        counters.observe("x_s", value)
    found = counters.snapshot().histograms["x_s", ()].quantile(share)
    target = share * len(values)
    true = next(value for place, value in enumerate(sorted(values), start=1) if place >= target)
    upper = next(bound for bound in BUCKETS if true <= bound)
    lower = max((bound for bound in BUCKETS if bound < upper), default=0.0)
    assert found is not None
    assert lower <= found <= upper


def test_quantiles_of_nothing_and_of_what_is_too_slow() -> None:
    assert Histogram().quantile(0.95) is None
    counters = Counters()
    counters.observe("x_s", 1e6)
    assert counters.snapshot().histograms["x_s", ()].quantile(0.95) == BUCKETS[-1]


def test_labels_from_outside_neither_leak_nor_grow_a_process() -> None:
    counters = Counters()
    counters.inc("webhooks_total", outcome="Alice said: hello")
    for number in range(SERIES_MAX * 3):
        counters.inc("webhooks_total", outcome=f"made_up_{number}")
    counts = counters.snapshot().counts
    assert len(counts) <= SERIES_MAX + 1
    assert sum(counts.values()) == SERIES_MAX * 3 + 1
    assert "Alice" not in json.dumps(counters.snapshot().to_json())


def test_a_histogram_of_another_release_is_left_out() -> None:
    assert Snapshot.from_json({"histograms": [["ack_s", {}, [1, 2, 3], 0.5]]}).histograms == {}
