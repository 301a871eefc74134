"""Keeps results as JSON and writes the table of docs/performance.md from them: `python -m bench.report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
Row = tuple[str, str, str, str]


def keep(name: str, result: dict[str, Any]) -> None:
    """Write one bench's result."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def table() -> str:
    """Return the Markdown table of the results that are there."""
    rows: list[Row] = [("figure", "measured", "goal", "")]
    machines = []
    for name, make in _BENCHES:
        path = RESULTS / f"{name}.json"
        if path.exists():
            result = json.loads(path.read_text(encoding="utf-8"))
            rows += make(result["figures"])
            machines.append((name, result["machine"]))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    lines.insert(1, "|---|---|---|---|")
    return "\n".join([*_machine(machines), "", *lines])


def write() -> None:
    """Put the table into the page, between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN, 1)
    PAGE.write_text(f"{head}{BEGIN}\n{table()}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def _machine(machines: list[tuple[str, dict[str, Any]]]) -> list[str]:
    if not machines:
        return ["Nothing has been measured yet."]
    one = machines[0][1]
    packages, server = one["packages"], one["postgresql"]
    loads = ", ".join(f"{name} {machine['load_before']}" for name, machine in machines)
    return [
        f"{one['cores']} cores ({one['processor']}), {one['memory_gb']} GB, Python {one['python']}, PostgreSQL {server}"
        f" with fsync on ({one['fsync_ms']} ms), Bolt {packages['slack-bolt']}, uvicorn {packages['uvicorn']} on uvloop"
        f" {packages['uvloop']}. Load of the machine before each run, from other work on it: {loads}."
    ]


_STACKS = (
    ("ours_1", "Konstruct, 1 process"),
    ("bolt_1", "Bolt, which stores nothing, 1 process"),
    ("ours_2", "Konstruct, 2 processes"),
    ("bolt_2", "Bolt, 2 processes"),
    ("ours_1_worker", "Konstruct, 1 process, its worker answering meanwhile"),
)


def _ack(found: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for key, name in _STACKS:
        if (open_loop := found[key].get("open_300")) is not None:
            ours = key.startswith("ours")
            measured = f"p50 {open_loop['p50_ms']} ms, p99 {open_loop['p99_ms']} ms"
            verdict = ("p99 < 50 ms", _met(open_loop["p99_ms"] < 50)) if ours else ("", "")
            rows.append((f"ack at 300/s: {name}", measured, *verdict))
    for key, name in _STACKS:
        closed = found[key]["saturation"]
        cpu, database = closed["server_cpu_ms_per_request"], closed["database_cpu_ms_per_request"]
        beside = "" if database is None else f", PostgreSQL {database} ms"
        rows.append((f"ack at saturation: {name}", f"{closed['per_s']:,.0f}/s; CPU each: web {cpu} ms{beside}", "", ""))
    for processes in ("1", "2"):
        ratio = found[f"ratio_{processes}"]
        rows.append((f"saturation beside Bolt, {processes} of each", f"{ratio} ×", "1.5 ×", _met(ratio >= 1.5)))
    return rows


def _turn(found: dict[str, Any]) -> list[Row]:
    alone, crowd = found["sequential"], found["open_loop"]
    cpu = found["cpu_ms_per_turn"]
    used = f"web {cpu['web']} ms, worker {cpu['worker']} ms, PostgreSQL {cpu['postgres']} ms"
    return [
        ("turn, one after the other", f"p50 {alone['p50_ms']} ms, p95 {alone['p95_ms']} ms", "p50 < 60 ms", _met(found["met"])),
        (f"turn, {crowd['per_s']:.0f} arrive a second", f"p50 {crowd['p50_ms']} ms, p95 {crowd['p95_ms']} ms", "", ""),
        ("CPU of a turn", used, "", ""),
    ]


def _waiting(found: dict[str, Any]) -> list[Row]:
    turns = f"{found['in_flight']:,} of {found['model_s']:.0f} s each, {found['answered_exactly_once']:,} answered exactly once"
    memory = f"{found['mb_per_turn']} MB each ({found['idle_mb']} MB idle, {found['peak_mb']} MB at the peak)"
    return [
        ("waiting turns in one worker process", turns, "≥ 3,000", _met(found["in_flight"] >= found["in_flight_goal"])),
        ("memory of a waiting turn, with real HTTP", memory, "< 0.5 MB", _met(found["mb_per_turn"] < found["mb_goal"])),
    ]


def _fairness(found: dict[str, Any]) -> list[Row]:
    solo, beside = found["quiet_solo"]["p50_ms"], found["quiet_beside_noise"]["p50_ms"]
    measured = f"p50 {beside:,.0f} ms beside it, {solo:,.0f} ms alone: {found['p50_ratio']} ×"
    noise = f"{found['noise_waiting_at_first']:,} to {found['noise_waiting_at_last']:,}"
    return [(f"quiet tenants beside one with {noise} conversations that wait", measured, "≤ 2 ×", _met(found["met"]))]


def _pages(found: dict[str, Any]) -> list[Row]:
    slow, heavy = found["slowest"], found["heaviest"]
    slowest, heaviest = found["pages"][slow], found["pages"][heavy]
    others = sorted(page["p50_ms"] for page in found["pages"].values())
    where = f"{found['messages_of_the_tenant']:,} messages in the tenant, {found['messages_of_the_fleet']:,} in the fleet"
    return [
        (
            f"slowest page of the portal, {where}",
            f"{slow}: p50 {slowest['p50_ms']} ms, p95 {slowest['p95_ms']} ms (median page: {others[len(others) // 2]} ms)",
            "p50 < 40 ms",
            _met(found["fast"]),
        ),
        ("heaviest page, compressed, with assets", f"{heavy}: {heaviest['kb']} KB", "< 60 KB", _met(found["light"])),
    ]


def _flood(found: dict[str, Any]) -> list[Row]:
    beside, alone = found["quiet_beside_flood"], found["quiet_alone"]
    measured = f"p99 {beside['p99_ms']} ms beside it, {alone['p99_ms']} ms alone: {found['p99_ratio']} ×"
    flood = f"{found['flood_per_s']:.0f}/s of another workspace"
    return [(f"ack of a quiet workspace beside a flood of {flood}", measured, "≤ 1.5 ×", _met(found["met"]))]


def _history(found: dict[str, Any]) -> list[Row]:
    rows: list[Row] = []
    for key, name in (("ack", "ack of one message, in the database"), ("claim", "claim of ten conversations")):
        empty, filled = found["empty"][key], found["filled"][key]
        measured = (
            f"p50 {filled['p50_ms']} ms, p99 {filled['p99_ms']} ms; empty {empty['p50_ms']} and {empty['p99_ms']} ms:"
            f" {found[f'{key}_ratio']} ×"
        )
        rows.append((f"{name}, beside {found['old_rows']:,} old rows", measured, "p50 ≤ 1.1 ×", _met(found[f"{key}_met"])))
    return rows


def _met(met: bool) -> str:
    return "met" if met else "**short**"


_BENCHES = (
    ("ack", _ack),
    ("flood", _flood),
    ("turn", _turn),
    ("waiting", _waiting),
    ("fairness", _fairness),
    ("pages", _pages),
    ("history", _history),
)


if __name__ == "__main__":
    write()
