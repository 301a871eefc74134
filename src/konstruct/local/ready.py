"""Waits until the processes of an embedded instance serve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from konstruct.db.database import Database
from konstruct.jobs.workers_repository import list_workers
from konstruct.kit.errors import KonstructError
from konstruct.local.child import Child
from konstruct.local.files import last_lines
from konstruct.local.ports import LOOPBACK
from konstruct.local.supervisor import describe_end

_PATIENCE_S = 60.0
_POLL_S = 0.05


async def wait_until(check: Callable[[], Awaitable[bool]], children: Sequence[Child], what: str) -> None:
    """Wait until `check` holds. Raises KonstructError when one of `children` ends before that, or after 60 s."""
    deadline = time.monotonic() + _PATIENCE_S
    while not await check():
        for child in children:
            if not child.alive():
                end = describe_end(await child.ended())
                raise KonstructError(
                    f"{child.name} {end} while it started: {last_lines(child.log) or 'no word'} (log: {child.log})"
                )
        if time.monotonic() > deadline:
            raise KonstructError(f"{what} was not ready within {_PATIENCE_S:.0f} s (logs: {children[0].log.parent})")
        await asyncio.sleep(_POLL_S)


async def web_serves(port: int) -> bool:
    """Whether `/readyz` on `port` of the loopback address answers 200."""
    try:
        async with asyncio.timeout(5.0):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET /readyz HTTP/1.1\r\nHost: {LOOPBACK}:{port}\r\nConnection: close\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def worker_lives(db: Database, pid: int | None) -> bool:
    """Whether the worker process `pid` has sent its first heartbeat."""
    async with db.fleet("wait for the worker") as session:
        return any(worker.pid == pid and worker.alive for worker in await list_workers(session, "worker"))
