"""The engine: claims due conversations, runs their handlers on one event loop, and keeps their leases.

It keeps only what is under way. Everything else is in the ready queue, so a process may die at any point.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from uuid import UUID

import structlog

from konstruct.db.database import OUTAGE_ERRORS, STORAGE_ERRORS, Database
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim, Lane
from konstruct.kit.errors import LeaseLostError
from konstruct.kit.ids import uuid7

log = structlog.get_logger()

T = TypeVar("T")
Handler = Callable[[Claim], Awaitable[None]]
"""Does what a claim asks for and releases it, in its own transactions. What it raises is logged; the lease then ends."""

POLL_S = 1.0
PAUSE_S = 0.2
SHOWER_S = 0.002
BATCH = 200
LONGEST_BACKOFF_S = 60.0
OUTAGE_WAIT_S = 2.0
"""Before what the database could not store is tried again."""


class Engine:
    """Runs handlers for the lanes it is given, at most `capacity` claims of a lane at a time."""

    def __init__(self, db: Database, handlers: Mapping[Lane, Handler], *, lease_s: float, capacity: int) -> None:
        self.worker_id: UUID = uuid7()
        self._db = db
        self._handlers = handlers
        self._lease_s = lease_s
        self._capacity = capacity
        self._active: dict[Lane, dict[tuple[UUID, UUID], tuple[Claim, asyncio.Task[None]]]] = {lane: {} for lane in handlers}
        self._bell = {lane: asyncio.Event() for lane in handlers}
        self._draining = asyncio.Event()
        self._cut_off_at = -math.inf

    @property
    def in_flight(self) -> int:
        """How many claims are under way."""
        return sum(len(tasks) for tasks in self._active.values())

    def kick(self, lane: Lane | None = None) -> None:
        """Look for work now instead of at the next poll. Call it on the engine's own loop."""
        for name in (lane,) if lane else tuple(self._bell):
            self._bell[name].set()

    def kick_after(self, lane: Lane, seconds: float) -> None:
        """Look for work once more after `seconds`: something will be due then."""
        asyncio.get_running_loop().call_later(seconds, self.kick, lane)

    async def run(self) -> None:
        """Work until `drain` is called and everything under way has ended."""
        async with asyncio.TaskGroup() as loops:
            keeper = loops.create_task(self._repeat(self._keep_leases, self._lease_s / 3), name="keep leases")
            sweeper = loops.create_task(self._repeat(self._sweep, POLL_S), name="sweep")
            claimers = [loops.create_task(self._claim_loop(lane), name=f"claim {lane}") for lane in self._handlers]
            await self._draining.wait()
            await asyncio.wait(claimers)
            while tasks := [task for lane in self._active.values() for _, task in lane.values()]:
                await asyncio.wait(tasks)
            keeper.cancel()
            sweeper.cancel()

    def drain(self) -> None:
        """Claim nothing more; let what is under way end. Leases are kept meanwhile."""
        self._draining.set()
        self.kick()

    async def _claim_loop(self, lane: Lane) -> None:
        bell = self._bell[lane]
        while not self._draining.is_set():
            bell.clear()
            room = min(BATCH, self._capacity - len(self._active[lane]))
            claims = (await self._guard("claim", self._claim(lane, room)) or []) if room > 0 else []
            for claim in claims:
                self._start(claim)
            if room == 0 or len(claims) < room:
                await self._wait(lane, bell)

    async def _claim(self, lane: Lane, room: int) -> list[Claim]:
        return await queue.claim(self._db, lane, self.worker_id, room, self._lease_s)

    async def _wait(self, lane: Lane, bell: asyncio.Event) -> None:
        """Wait for the bell, for the moment when something falls due, or for the poll, whichever comes first."""
        due_s = await self._guard("next due", queue.next_due_s(self._db, lane))
        try:
            async with asyncio.timeout(POLL_S if due_s is None else min(POLL_S, due_s)):
                await bell.wait()
        except TimeoutError:
            return
        # Bells come in showers; one claim serves all that rang within a few milliseconds.
        await asyncio.sleep(SHOWER_S)

    def _start(self, claim: Claim) -> None:
        task = asyncio.create_task(self._handle(claim), name=f"{claim.lane} {claim.conversation_id}")
        active = self._active[claim.lane]
        active[claim.key] = (claim, task)

        def ended(_: asyncio.Task[None]) -> None:
            if active.get(claim.key, (None, None))[0] is claim:
                del active[claim.key]
            # A release may have left the conversation ready, a full engine has room now, and a turn leaves sends behind.
            self.kick()

        task.add_done_callback(ended)

    async def _handle(self, claim: Claim) -> None:
        ids = {"tenant_id": str(claim.scope.tenant_id), "conversation_id": str(claim.conversation_id), "lane": claim.lane}
        with structlog.contextvars.bound_contextvars(**ids):
            try:
                await self._handlers[claim.lane](claim)
            except LeaseLostError:
                log.warning("lease_lost", epoch=claim.epoch)
            except asyncio.CancelledError:
                log.warning("claim_cancelled", epoch=claim.epoch)
            except OUTAGE_ERRORS as error:
                # A full disk, say. That is no fault of what was asked, which must not be given up for it.
                log.warning("claim_not_stored", epoch=claim.epoch, attempts=claim.attempts, error=type(error).__name__)
                await self._guard("release", self._release_failed(claim, OUTAGE_WAIT_S, counted=False))
            except Exception:
                log.exception("claim_failed", epoch=claim.epoch, attempts=claim.attempts)
                wait_s = min(LONGEST_BACKOFF_S, 0.5 * 2 ** min(claim.attempts - 1, 10))
                await self._guard("release", self._release_failed(claim, wait_s))

    async def _release_failed(self, claim: Claim, wait_s: float, *, counted: bool = True) -> None:
        """Try again after a wait, which leaves other conversations their turn."""
        async with self._db.tenant(claim.scope) as session:
            await queue.release(session, claim, wait_s=wait_s, failed=True, counted=counted)
        self.kick_after(claim.lane, wait_s)

    async def _keep_leases(self) -> None:
        for lane, active in self._active.items():
            mine = list(active.values())
            if not mine:
                continue
            held = await queue.renew(self._db, self.worker_id, lane, [claim for claim, _ in mine])
            for claim, task in mine:
                if (claim.conversation_id, claim.epoch) not in held and not task.done():
                    log.warning("lease_not_renewed", conversation_id=str(claim.conversation_id), epoch=claim.epoch)
                    task.cancel()

    async def _sweep(self) -> None:
        """Sweep, but not within a lease of an outage: the other workers could not renew theirs either, and must come first.

        The server holds back for one lease after its start by itself; a recovery or a failover may take longer than that.
        """
        if time.monotonic() - self._cut_off_at < self._lease_s:
            return
        ended = await queue.sweep(self._db)
        if ended:
            log.info("leases_swept", count=ended)
            self.kick()

    async def _repeat(self, work: Callable[[], Awaitable[None]], every_s: float) -> None:
        while True:
            await self._guard(work.__name__.strip("_"), work())
            await asyncio.sleep(every_s)

    async def _guard(self, what: str, work: Awaitable[T]) -> T | None:
        """Return what `work` returns; log what it raises: the engine's own loops outlive any outage of the database."""
        try:
            return await work
        except LeaseLostError:
            return None
        except Exception as error:
            if isinstance(error, STORAGE_ERRORS):
                self._cut_off_at = time.monotonic()
            log.warning("engine_error", what=what, error=type(error).__name__)
            await asyncio.sleep(PAUSE_S)
            return None
