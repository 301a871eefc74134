"""Durable ingest: what a webhook brought is committed before it is acknowledged.

While one batch is being stored, what arrives meanwhile forms the next: the busier, the larger the batches, and an idle
system still answers at once. A batch that fails as a whole is stored one by one, so that no message harms another's.
A batch takes from each account in turn, and an account of which nothing is under way does not wait for another's batch:
a flood from one workspace is its own queue, and nobody else's.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence, Set
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
"""Fewer messages than this wait for their account's batch under way: a call costs as much as several messages."""
TIMEOUT_S = 2.0
"""Longest wait for the database at ingest: Slack waits 3 s before it counts a delivery as failed."""

Result = Outcome | str
Account = tuple[str, str]
"""Channel kind and the account's key at its provider."""
Conversation = tuple[Account, str]
"""An account and the conversation's key in it."""


@dataclass(slots=True)
class _Waiting:
    kind: str
    message: InboundMessage
    body: bytes
    done: asyncio.Future[Result] = field(repr=False)

    @property
    def account(self) -> Account:
        return self.kind, self.message.account_key

    @property
    def conversation(self) -> Conversation:
        return self.account, self.message.conversation_key


class _Queue:
    """What is waiting: a line for each account, served in turn."""

    def __init__(self) -> None:
        self._lines: dict[Account, deque[_Waiting]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, item: _Waiting) -> None:
        self._lines.setdefault(item.account, deque()).append(item)
        self._count += 1

    def has_other_than(self, busy: Counter[Account]) -> bool:
        """Return whether something waits of an account that is not among `busy`."""
        return any(account not in busy for account in self._lines)

    def take(self, most: int, storing: Set[Conversation], busy: Counter[Account] | None) -> list[_Waiting]:
        """Take up to `most`, one of each account in turn, in its order; of accounts that are not `busy` only, if that is given.

        What belongs to a conversation that is being stored stays: it would wait there for a lock, with its whole batch.
        """
        taken: list[_Waiting] = []
        stays: dict[Account, list[_Waiting]] = {}
        served = [account for account in self._lines if busy is None or account not in busy]
        while served and len(taken) < most:
            for account in tuple(served)[: most - len(taken)]:
                line = self._lines.pop(account)
                while line and line[0].conversation in storing:
                    stays.setdefault(account, []).append(line.popleft())
                if line:
                    taken.append(line.popleft())
                else:
                    served.remove(account)
                # Behind the others: whoever was not reached is the first of the next batch.
                self._lines[account] = line
        for account, items in stays.items():
            self._lines[account].extendleft(reversed(items))
        self._lines = {account: line for account, line in self._lines.items() if line}
        self._count -= len(taken)
        return taken


class Ingest:
    """Takes parsed messages, routes them to their tenants and stores them. Keeps only what is waiting."""

    def __init__(
        self, db: Database, *, burst_s: float, ring: Callable[[], None], windows: Mapping[str, float | None] | None = None
    ) -> None:
        """`ring` wakes the workers; it must return at once and never raise. `windows`: by channel kind, for how many seconds a
        person may be answered (`Capabilities.reply_window_s`)."""
        self._windows = windows or {}
        self._db = db
        self._burst_s = burst_s
        self._ring = ring
        self._waiting = _Queue()
        self._flushing = 0
        self._storing: set[Conversation] = set()
        self._busy: Counter[Account] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, kind: str, messages: Sequence[InboundMessage], body: bytes) -> list[Result]:
        """Return what became of each message once all of them are committed: an Outcome, or why it has no tenant.

        Raises StorageUnavailableError if they may not have been stored; the provider then delivers again.
        """
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(kind, message, body, loop.create_future()) for message in messages]
        for item in waiting:
            self._waiting.add(item)
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
                accounts = Counter({item.account for item in batch})
                self._storing |= conversations
                self._busy += accounts
                try:
                    await self._flush_once(batch)
                finally:
                    self._storing -= conversations
                    self._busy -= accounts
        finally:
            # In the same step as the last look at what is waiting: what comes later starts a flush of its own.
            self._flushing -= 1

    def _take(self) -> list[_Waiting]:
        """Return the next batch: of everybody, or beside another one that few wait for, of accounts that it holds nothing of."""
        everybody = self._flushing == 1 or len(self._waiting) >= CROWD
        return self._waiting.take(BATCH, self._storing, None if everybody else self._busy)

    def _may_flush(self, others: int) -> bool:
        """Whether what is waiting should go now, beside `others`: one at a time, or more where there is enough for each."""
        if others == 0:
            return True
        return others < FLUSHES and (len(self._waiting) >= CROWD or self._waiting.has_other_than(self._busy))

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
            items.sort(
                key=lambda item: (item[1].route.scope.tenant_id, item[1].route.account_id, item[1].message.conversation_key)
            )
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
            elif waiting.message.sender_id == route.bot_user_id:
                # Its adapter could not tell: the provider did not say that it was a bot's. Answered, it would go on for ever.
                _resolve(waiting, "own")
            else:
                routed.append((waiting, Item(waiting.message, route, waiting.body, self._windows.get(kind))))
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
