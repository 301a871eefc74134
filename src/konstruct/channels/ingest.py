"""Durable ingest: what a webhook brought is committed before it is acknowledged.

While one batch is being stored, what arrives meanwhile forms the next: the busier, the larger the batches, and an idle
system still answers at once. A batch that fails as a whole is stored one by one, so that no message harms another's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from konstruct.channels import ingest_repository, routes_repository
from konstruct.channels.ingest_repository import Item, Outcome
from konstruct.channels.port import InboundMessage
from konstruct.db.database import STORAGE_ERRORS, Database
from konstruct.kit.errors import StorageUnavailableError

log = structlog.get_logger()

BATCH = 64
FLUSHES = 2
"""Batches on their way at once: PostgreSQL works on each with a processor of its own."""
CROWD = 16
"""Fewer messages than this wait for the batch under way: a call costs as much as several messages."""
TIMEOUT_S = 2.0
"""Longest wait for the database at ingest: Slack waits 3 s before it counts a delivery as failed."""

Result = Outcome | str
Conversation = tuple[str, str, str]
"""Channel kind, account and the conversation's key in it."""


@dataclass(slots=True)
class _Waiting:
    kind: str
    message: InboundMessage
    body: bytes
    done: asyncio.Future[Result] = field(repr=False)

    @property
    def conversation(self) -> Conversation:
        return self.kind, self.message.account_key, self.message.conversation_key


class Ingest:
    """Takes parsed messages, routes them to their tenants and stores them. Keeps only what is waiting."""

    def __init__(self, db: Database, *, burst_s: float, ring: Callable[[], None]) -> None:
        """`ring` wakes the workers; it must return at once and never raise."""
        self._db = db
        self._burst_s = burst_s
        self._ring = ring
        self._waiting: deque[_Waiting] = deque()
        self._flushing = 0
        self._storing: set[Conversation] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, kind: str, messages: Sequence[InboundMessage], body: bytes) -> list[Result]:
        """Return what became of each message once all of them are committed: an Outcome, or why it has no tenant.

        Raises StorageUnavailableError if they may not have been stored; the provider then delivers again.
        """
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(kind, message, body, loop.create_future()) for message in messages]
        self._waiting.extend(waiting)
        if self._may_flush(self._flushing):
            self._flushing += 1
            self._tasks.add(task := loop.create_task(self._flush()))
            task.add_done_callback(self._tasks.discard)
        if len(waiting) > 1:
            await asyncio.wait([item.done for item in waiting])
        return [await item.done for item in waiting]

    async def _flush(self) -> None:
        try:
            # What has arrived in this round of the loop goes along.
            await asyncio.sleep(0)
            while self._may_flush(self._flushing - 1) and (batch := self._take()):
                conversations = {item.conversation for item in batch}
                self._storing |= conversations
                try:
                    await self._flush_once(batch)
                finally:
                    self._storing -= conversations
        finally:
            # In the same step as the last look at what is waiting: what comes later starts a flush of its own.
            self._flushing -= 1

    def _take(self) -> list[_Waiting]:
        """Return the next batch. What belongs to a conversation that is being stored stays: it would wait there for a lock,
        with its whole batch; the flush that stores the conversation takes it next."""
        batch: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        while self._waiting and len(batch) < BATCH:
            item = self._waiting.popleft()
            (left if item.conversation in self._storing else batch).append(item)
        self._waiting.extendleft(reversed(left))
        return batch

    def _may_flush(self, others: int) -> bool:
        """Whether what is waiting should go now, beside `others`: one at a time, or more where there is enough for each."""
        return others == 0 or (others < FLUSHES and len(self._waiting) >= CROWD)

    async def _flush_once(self, batch: list[_Waiting]) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await self._store(batch)
        except STORAGE_ERRORS as error:
            log.error("ingest_unavailable", error=type(error).__name__, messages=len(batch))
            self._fail(batch, StorageUnavailableError("the database did not store the messages in time"))
        except Exception as error:
            log.exception("ingest_failed", messages=len(batch))
            if len(batch) == 1:
                self._fail(batch, StorageUnavailableError(f"the message was not stored: {type(error).__name__}"))
            else:
                await self._store_singly(batch)

    async def _store(self, batch: list[_Waiting]) -> None:
        """Route and store a batch of one channel kind or several: one routing query a kind, one storing call in all."""
        items: list[tuple[_Waiting, Item]] = []
        for kind in {waiting.kind for waiting in batch}:
            same = [waiting for waiting in batch if waiting.kind == kind]
            items += await self._route(kind, same)
        if items:
            # One order of locking for all processes.
            items.sort(key=lambda item: (item[1].route.scope.tenant_id, item[1].message.conversation_key))
            outcomes = await ingest_repository.store(self._db, [item for _, item in items], self._burst_s, TIMEOUT_S)
            if "ready" in outcomes:
                self._ring()
            for (waiting, _), outcome in zip(items, outcomes, strict=True):
                _resolve(waiting, outcome)

    async def _route(self, kind: str, batch: list[_Waiting]) -> list[tuple[_Waiting, Item]]:
        routes = await routes_repository.find_routes(self._db, kind, {waiting.message.account_key for waiting in batch})
        routed: list[tuple[_Waiting, Item]] = []
        unrouted: list[tuple[_Waiting, str]] = []
        for waiting in batch:
            route = routes.get(waiting.message.account_key)
            refusal = route.refusal(waiting.message.app_id) if route else "unknown_account"
            if route is None or refusal is not None:
                unrouted.append((waiting, refusal or "unknown_account"))
            else:
                routed.append((waiting, Item(waiting.message, route, waiting.body)))
        if unrouted:
            letters = [(waiting.message.account_key, waiting.message.app_id, reason) for waiting, reason in unrouted]
            await routes_repository.bury_unrouted(self._db, kind, letters)
            for waiting, reason in unrouted:
                _resolve(waiting, reason)
        return routed

    async def _store_singly(self, batch: list[_Waiting]) -> None:
        for waiting in batch:
            if waiting.done.done():
                continue
            try:
                async with asyncio.timeout(TIMEOUT_S):
                    await self._store([waiting])
            except Exception as error:
                log.exception("ingest_failed", messages=1)
                self._fail([waiting], StorageUnavailableError(f"the message was not stored: {type(error).__name__}"))

    def _fail(self, batch: list[_Waiting], error: StorageUnavailableError) -> None:
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_exception(error)


def _resolve(waiting: _Waiting, result: Result) -> None:
    # A request that was cancelled no longer waits; its message is stored all the same.
    if not waiting.done.done():
        waiting.done.set_result(result)
