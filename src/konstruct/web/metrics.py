"""`/metrics`: what this process and the workers have counted, and the state of the queue, as Prometheus text."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from konstruct.db.database import Database
from konstruct.jobs.gauges_repository import Gauge, gauges
from konstruct.jobs.workers_repository import Worker, list_workers, total_counters
from konstruct.kit.counters import BUCKETS, Counters, Histogram, Labels, Snapshot

log = structlog.get_logger()

_Value = TypeVar("_Value")

SCRAPE_S = 2.0
"""Longest wait for the database; a scrape without it still says what this process knows."""
MODEL_LATENCY = "model_latency_s"
LANES = ("turn", "send")
_HELP = {
    "ack_s": "Time from a webhook's last byte to its durable acknowledgement, in this process.",
    "webhooks_total": "Webhook requests by outcome, in this process.",
    "turns_total": "Turns by outcome.",
    "deliveries_total": "Deliveries by the state they entered.",
    "streams_total": "Answers that were to grow: what came of beginning them, and why some came to rest.",
    "model_latency_s": "Time of model calls.",
}
_ZEROS = {
    "turns_total": ("outcome", ("answered", "fallback", "handed_over", "withdrawn")),
    "deliveries_total": ("state", ("sent", "unknown", "resent", "failed", "cancelled")),
}
"""Series that stand at 0 before anything happened, so that a rate or an alert has something to look at."""
_GAUGE_HELP = {
    "queue_ready": ("konstruct_queue_depth", "Conversations that wait for a worker."),
    "queue_leased": ("konstruct_queue_leased", "Conversations that a worker holds."),
    "queue_age_s": ("konstruct_queue_age_seconds", "How long the longest-waiting conversation has been due."),
    "leases_expired": ("konstruct_leases_expired", "Leases over their time by 10 s or more."),
}


@dataclass(frozen=True, slots=True)
class FleetView:
    """What the database adds to a scrape."""

    gauges: list[Gauge] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    counted: Snapshot = field(default_factory=Snapshot)


async def read_fleet(db: Database) -> FleetView | None:
    """Return the installation's state, or None if the database did not give it within SCRAPE_S."""
    try:
        async with asyncio.timeout(SCRAPE_S), db.fleet("metrics") as session:
            return FleetView(await gauges(session), await list_workers(session), await total_counters(session))
    except Exception as error:
        # A scrape is how an outage is seen: it must not fail with it.
        log.warning("metrics_without_database", error=error)
        return None


def render(counters: Counters, fleet: FleetView | None) -> bytes:
    """Return the scrape's text: `counters` of this process, and the installation's state where it is known."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(counters.snapshot(), fleet))
    return generate_latest(registry)


def router() -> APIRouter:
    """Return the route `/metrics`; `request.app.state.deps` must hold `db` and `counters`."""
    routes = APIRouter()

    @routes.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        deps = request.app.state.deps
        return Response(render(deps.counters, await read_fleet(deps.db)), media_type=CONTENT_TYPE_LATEST)

    return routes


class _Families(Collector):
    """One scrape's metrics."""

    def __init__(self, own: Snapshot, fleet: FleetView | None) -> None:
        self._fleet = fleet
        self._counted = Snapshot.merged([_zeros(), own, fleet.counted] if fleet else [_zeros(), own])

    def collect(self) -> Iterator[Metric]:
        reached = float(self._fleet is not None)
        yield GaugeMetricFamily("konstruct_database_up", "Whether this scrape reached the database.", value=reached)
        yield from _counter_families(self._counted)
        yield from _histogram_families(self._counted)
        yield from _p95(self._counted)
        if self._fleet is not None:
            yield from _queue_families(self._fleet.gauges)
            yield from _table_families(self._fleet.gauges)
            yield from _number_families(self._fleet.gauges)
            yield from _worker_families(self._fleet.workers)


def _counter_families(counted: Snapshot) -> Iterator[Metric]:
    for name, series in _by_name(counted.counts).items():
        keys = _label_names(labels for labels, _ in series)
        family = CounterMetricFamily("konstruct_" + name.removesuffix("_total"), _HELP.get(name, name), labels=keys)
        for labels, value in series:
            family.add_metric(_label_values(keys, labels), value)
        yield family


def _zeros() -> Snapshot:
    return Snapshot({(name, ((key, value),)): 0.0 for name, (key, values) in _ZEROS.items() for value in values})


def _histogram_families(counted: Snapshot) -> Iterator[Metric]:
    empty: dict[str, list[tuple[Labels, Histogram]]] = {name: [] for name in _HELP if name.endswith("_s")}
    for name, series in (empty | _by_name(counted.histograms)).items():
        keys = _label_names(labels for labels, _ in series)
        family = HistogramMetricFamily("konstruct_" + name.removesuffix("_s") + "_seconds", _HELP.get(name, name), labels=keys)
        for labels, histogram in series:
            below = list(accumulate(histogram.counts))
            buckets = [(str(bound), float(count)) for bound, count in zip([*BUCKETS, "+Inf"], below, strict=True)]
            family.add_metric(_label_values(keys, labels), buckets, histogram.total)
        yield family


def _p95(counted: Snapshot) -> Iterator[Metric]:
    parts = (Snapshot(histograms={(name, ()): one}) for (name, _), one in counted.histograms.items() if name == MODEL_LATENCY)
    whole = Snapshot.merged(parts).histograms.get((MODEL_LATENCY, ()), Histogram())
    text = "95th percentile of the model calls counted so far; histogram_quantile() gives it for a window."
    yield GaugeMetricFamily("konstruct_model_latency_p95_seconds", text, value=whole.quantile(0.95))


def _queue_families(found: list[Gauge]) -> Iterator[Metric]:
    for name, (metric, text) in _GAUGE_HELP.items():
        values = dict.fromkeys(LANES, 0.0) | {gauge.label: gauge.value for gauge in found if gauge.name == name}
        family = GaugeMetricFamily(metric, text, labels=["lane"])
        for lane, value in values.items():
            family.add_metric([lane], value)
        yield family


def _table_families(found: list[Gauge]) -> Iterator[Metric]:
    rows = GaugeMetricFamily("konstruct_table_rows", "Rows per table over all tenants, the planner's estimate.", labels=["table"])
    unrouted = GaugeMetricFamily(
        "konstruct_unrouted_deliveries", "Deliveries kept as dead letters without a tenant.", labels=["channel", "reason"]
    )
    for gauge in found:
        if gauge.name == "table_rows":
            rows.add_metric([gauge.label], gauge.value)
        elif gauge.name == "unrouted":
            unrouted.add_metric(gauge.label.split(" ", 1), gauge.value)
    yield from (rows, unrouted)


def _number_families(found: list[Gauge]) -> Iterator[Metric]:
    stopped = GaugeMetricFamily(
        "konstruct_numbers_stopped", "Numbers that may send less than everything, by what they may not.", labels=["level"]
    )
    for level in ("no_outreach", "replies_only", "suspended"):
        stopped.add_metric([level], sum(gauge.value for gauge in found if gauge.name == "numbers" and gauge.label == level))
    yield stopped
    taken = sum(gauge.value for gauge in found if gauge.name == "numbers_priced_as_ai")
    text = "Numbers of which the provider billed a message as one of a general-purpose AI within a day."
    yield GaugeMetricFamily("konstruct_numbers_priced_as_ai", text, value=taken)


def _worker_families(workers: list[Worker]) -> Iterator[Metric]:
    alive = GaugeMetricFamily("konstruct_workers_alive", "Processes with a recent heartbeat.", labels=["kind"])
    busy = GaugeMetricFamily("konstruct_in_flight", "Claims under way in living processes.", labels=["kind"])
    for kind in sorted({worker.kind for worker in workers} | {"worker", "beat"}):
        living = [worker for worker in workers if worker.kind == kind and worker.alive]
        alive.add_metric([kind], len(living))
        busy.add_metric([kind], sum(worker.in_flight for worker in living))
    yield from (alive, busy)


def _by_name(series: dict[tuple[str, Labels], _Value]) -> dict[str, list[tuple[Labels, _Value]]]:
    grouped: dict[str, list[tuple[Labels, _Value]]] = defaultdict(list)
    for (name, labels), value in sorted(series.items(), key=lambda item: item[0]):
        grouped[name].append((labels, value))
    return grouped


def _label_names(all_labels: Iterable[Labels]) -> list[str]:
    return sorted({key for labels in all_labels for key, _ in labels})


def _label_values(keys: list[str], labels: Labels) -> list[str]:
    return [dict(labels).get(key, "") for key in keys]
