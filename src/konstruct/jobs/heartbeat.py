"""Heartbeats: a process says every few seconds that it lives, and what it has counted."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.jobs import workers_repository
from konstruct.kit.counters import Counters

log = structlog.get_logger()

EVERY_S = 5.0


async def beat_once(db: Database, worker_id: UUID, kind: str, in_flight: int, counters: Counters) -> None:
    """Write one heartbeat of this process."""
    async with db.fleet("heartbeat") as session:
        await workers_repository.heartbeat(
            session,
            worker_id,
            kind=kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            in_flight=in_flight,
            counters=counters.snapshot(),
        )


async def retire(db: Database, worker_id: UUID) -> None:
    """Say that this process has ended in order."""
    async with db.fleet("retire") as session:
        await workers_repository.retire(session, worker_id)


async def beat_on(db: Database, worker_id: UUID, kind: str, in_flight: Callable[[], int], counters: Counters) -> None:
    """Write heartbeats until cancelled; an outage of the database is waited out."""
    while True:
        try:
            await beat_once(db, worker_id, kind, in_flight(), counters)
        except Exception as error:
            log.warning("heartbeat_failed", error=type(error).__name__)
        await asyncio.sleep(EVERY_S)
