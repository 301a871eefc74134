"""A worker process: Celery in the main thread takes wake-ups, the engine works on one event loop in a thread beside it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import structlog
import uvloop
from celery import signals

from konstruct.db.database import Database
from konstruct.db.selftest import self_test
from konstruct.jobs import heartbeat
from konstruct.jobs.archiving import archive
from konstruct.jobs.broker import create_celery, register_tasks
from konstruct.jobs.engine import Engine, Handler
from konstruct.jobs.maintenance_runs import recorded
from konstruct.jobs.poll_planning import plan_polls
from konstruct.jobs.pruning import prune
from konstruct.jobs.queue import Lane
from konstruct.jobs.tenant_health import refresh_due
from konstruct.jobs.watchdog import Watchdog, end_process
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.kit.stacks import tell_stacks_on_signal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """What a worker works with."""

    lanes: Mapping[Lane, Handler]
    kick: Callable[[], None]
    """Tells what works beside the engine that there may be something to do."""


Build = Callable[[Settings, Database, Counters], AbstractAsyncContextManager[Parts]]
"""Makes the parts, and takes down what they need at the end."""
THREADS = 4


def run_worker(settings: Settings, build: Build) -> int:
    """Run a worker until SIGTERM, which drains it: what is under way ends, nothing new is begun. Returns the exit code.

    Raises what keeps it from starting: a wrong setting, a deaf database, a failed self-test.
    """
    runtime = _Runtime(settings, build)
    runtime.start()
    app = create_celery(settings)
    register_tasks(
        app,
        wake=runtime.kick,
        prune=lambda: asyncio.run(_periodic(settings, "prune", prune, "{} dedupe keys deleted")),
        count=lambda: asyncio.run(_periodic(settings, "count", refresh_due, "{} tenants counted")),
        archive=lambda: asyncio.run(_periodic(settings, "archive", archive, "{} deliveries archived")),
        polls=lambda: asyncio.run(_periodic(settings, "polls", plan_polls, "{} polls planned")),
    )
    # The last thing a warm shutdown does is to call this: it returns when every turn has ended, leases kept meanwhile.
    signals.worker_shutdown.connect(runtime.drain, weak=False, dispatch_uid="konstruct")
    worker = app.Worker(
        pool="threads",
        concurrency=THREADS,
        hostname=f"konstruct-{runtime.engine.worker_id}@{socket.gethostname()}",
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
        loglevel=settings.log_level,
    )
    _answer_with_stacks(worker)
    worker.start()
    runtime.drain()
    return 1 if runtime.failed else int(worker.exitcode or 0)


def _answer_with_stacks(worker: Any) -> None:
    """Keep our answer to SIGUSR1: Celery's own prints the local variables of every frame, tenants' words and tokens with them,
    and waits for a thread that holds the interpreter."""
    install = worker.install_platform_tweaks

    def install_ours_last(which: object) -> None:
        install(which)
        tell_stacks_on_signal()

    worker.install_platform_tweaks = install_ours_last


class _Runtime:
    """The event loop's thread and the engine on it."""

    engine: Engine
    _parts: Parts

    def __init__(self, settings: Settings, build: Build) -> None:
        self._settings = settings
        self._build = build
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self.failed = False

    def start(self) -> None:
        """Start the thread and wait until the engine works. Raises what kept it from that."""
        self._thread.start()
        self._loop = self._ready.result()

    def kick(self) -> None:
        """Let the engine look for work now; returns at once."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nothing is claimed any more
            self._loop.call_soon_threadsafe(self._kick_all)

    def drain(self, **_: object) -> None:
        """Let the engine end what is under way; returns when it has."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.engine.drain)
        self._thread.join()

    def _kick_all(self) -> None:
        self.engine.kick()
        self._parts.kick()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._work())
        except BaseException as error:
            if not self._ready.done():
                self._ready.set_exception(error)
                return
            self.failed = True
            log.exception("engine_ended")
            # Without its engine the process is of no use; its supervisor starts another.
            signal.raise_signal(signal.SIGTERM)

    async def _work(self) -> None:
        counters = Counters()
        async with _database(self._settings) as db, self._build(self._settings, db, counters) as self._parts:
            self.engine = Engine(db, self._parts.lanes, lease_s=self._settings.lease_s, capacity=self._settings.worker_turns)
            worker_id = self.engine.worker_id
            await heartbeat.beat_once(db, worker_id, "worker", 0, counters)
            beating = asyncio.create_task(heartbeat.beat_on(db, worker_id, "worker", lambda: self.engine.in_flight, counters))
            watchdog = Watchdog(asyncio.get_running_loop(), end_process)
            watchdog.start()
            self._ready.set_result(asyncio.get_running_loop())
            log.info("worker_ready", worker_id=str(worker_id))
            try:
                await self.engine.run()
            finally:
                beating.cancel()
                watchdog.stop()
            await heartbeat.retire(db, worker_id)
            log.info("worker_drained", worker_id=str(worker_id))


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    db = await Database.open(settings)
    try:
        await self_test(db)
        yield db
    finally:
        await db.close()


async def _periodic(settings: Settings, job: str, work: Callable[[Database], Awaitable[int]], words: str) -> None:
    """A beat job has its own short-lived pool: the engine's belongs to another loop."""

    async def told() -> str:
        return words.format(await work(db))

    db = await Database.open(settings, pool=1)
    try:
        await recorded(db, job, told)
    finally:
        await db.close()
