"""The load generator, a process of its own: `python -m bench.load` reads its order from stdin and prints its result.

Open loop: requests leave at their times, whatever became of earlier ones, and latency counts from that time (so a server
that stalls is charged for the waiting too). Closed loop: every connection sends again as soon as it is answered.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import resource
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any, cast

import uvloop

from bench.events import requests
from bench.quantiles import summary

_GRACE_S = 10.0


@dataclass
class Run:
    """What one run has to send, and what came back."""

    waiting: deque[bytes]
    until: float = 0.0
    keep_from: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    kept: int = 0
    last: float = 0.0

    def answered(self, status: int, asked: float, now: float) -> None:
        self.statuses[status] += 1
        if asked >= self.keep_from:
            self.latencies.append(now - asked)
            self.kept += now <= self.until
        self.last = now


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request on it."""

    def __init__(self, run: Run, idle: deque[Connection] | None) -> None:
        self._run = run
        self._idle = idle
        self._buffer = b""
        self._asked = 0.0
        self.busy = False
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's classes.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True

    def send(self, request: bytes, asked: float) -> None:
        self.busy, self._asked = True, asked
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or len(buffer) < end + 4 + _length(buffer[:end]):
            self._buffer = buffer
            return
        self._buffer, self.busy = b"", False
        now = time.perf_counter()
        self._run.answered(int(buffer[9:12]), self._asked, now)
        if self._idle is not None:
            self._idle.append(self)
        elif now < self._run.until and self._run.waiting:
            self.send(self._run.waiting.popleft(), now)


def _length(head: bytes) -> int:
    place = head.lower().find(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0


async def _send_on_the_clock(order: dict[str, Any], run: Run, idle: deque[Connection]) -> None:
    """Send on the clock; a request that finds no free connection waits for one, and its time runs."""
    late: deque[tuple[bytes, float]] = deque()
    start = time.perf_counter()
    due = start
    while due < run.until or late:
        now = time.perf_counter()
        while due <= now and due < run.until and run.waiting:
            late.append((run.waiting.popleft(), due))
            due += 1 / order["rate"]
        while late and idle:
            request, asked = late.popleft()
            idle.popleft().send(request, asked)
        await asyncio.sleep(0.0005 if late else max(0.0, min(0.002, due - time.perf_counter())))


async def _run(order: dict[str, Any]) -> dict[str, Any]:
    teams = [(team, app, bot) for team, app, bot in order["teams"]]
    run = Run(deque(requests(teams, order["secret"], order["run"], order["count"], order["channels"])))
    idle: deque[Connection] = deque()
    connections = await _connect(order, run, None if order["rate"] is None else idle)
    made, before, start = len(run.waiting), _cpu_s(), time.perf_counter()
    run.keep_from = start + order["warmup_s"]
    run.until = run.keep_from + order["seconds"]
    if order["rate"] is None:
        for connection in connections:
            connection.send(run.waiting.popleft(), time.perf_counter())
        await asyncio.sleep(run.until - time.perf_counter())
    else:
        idle.extend(connections)
        await _send_on_the_clock(order, run, idle)
    await _drain(connections)
    return {
        "sent": made - len(run.waiting),
        "statuses": {str(status): count for status, count in sorted(run.statuses.items())},
        "ran_dry": not run.waiting,
        "per_s": round(run.kept / order["seconds"], 1),
        **({"latencies_s": run.latencies} if order["keep"] else {}),
        "generator_cpu_share": round((_cpu_s() - before) / (time.perf_counter() - start), 3),
        **summary(run.latencies),
    }


async def _connect(order: dict[str, Any], run: Run, idle: deque[Connection] | None) -> list[Connection]:
    loop = asyncio.get_running_loop()
    ports = itertools.islice(itertools.cycle(order["ports"]), order["connections"])
    return [(await loop.create_connection(lambda: Connection(run, idle), "127.0.0.1", port))[1] for port in ports]


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def _drain(connections: list[Connection]) -> None:
    """Wait until everything that was sent is answered, or its connection lost."""
    async with asyncio.timeout(_GRACE_S):
        while any(connection.busy and not connection.lost for connection in connections):
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.load(sys.stdin)))))
