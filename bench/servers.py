"""Child processes of a benchmark: started on a port, measured, and stopped by their own id."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from konstruct.local.process import Launch, Process

HOST = "127.0.0.1"
_START_S = 30.0
_STOP_S = 20.0


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Server:
    """A running child."""

    name: str
    process: Process
    log: Path
    port: int = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{HOST}:{self.port}"

    def cpu_s(self) -> float:
        """Return the CPU seconds it has used."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def pss_mb(self) -> float:
        """Return its proportional share of memory in MB (10**6 bytes)."""
        return float(psutil.Process(self.process.pid).memory_full_info().pss) / 1e6


@asynccontextmanager
async def server(
    name: str, arguments: Sequence[str], env: Mapping[str, str], folder: Path, port: int = 0
) -> AsyncIterator[Server]:
    """Run `python ARGUMENTS`; with a `port`, wait until it answers there. Raises RuntimeError if it ends before."""
    log = folder / f"{name}.log"
    whole = {**_outside(), **env}
    process = Process.start(Launch([sys.executable, *arguments], log, whole, Path.cwd()))
    running = Server(name, process, log, port)
    try:
        if port:
            await _wait_for_port(running)
        yield running
    finally:
        await process.stop((signal.SIGTERM, _STOP_S))


async def _wait_for_port(running: Server) -> None:
    async with asyncio.timeout(_START_S):
        while True:
            if not running.process.alive():
                raise RuntimeError(f"{running.name} ended: {running.log.read_text()[-2000:]}")
            try:
                reader, writer = await asyncio.open_connection(HOST, running.port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            # A port may listen before its application is ready: any answer says that it is.
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            answered = await reader.readline()
            writer.close()
            if answered:
                return


def _outside() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KONSTRUCT_")}
