"""One of our own processes under the supervisor: `konstruct web`, `worker` or `beat`."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from konstruct.kit.errors import KonstructError
from konstruct.local.files import read_json, write_private
from konstruct.local.process import Launch, Process

MODULE = "konstruct.cli.main"
NAMES = ("web", "worker", "beat")
"""In the order in which they are stopped: no new messages, then no turns, then no clock."""


class Child:
    """Runs `konstruct NAME`, and leaves a mark in `run` so that a later supervisor finds it."""

    def __init__(
        self, name: str, env: Mapping[str, str], *, data_dir: Path, patience_s: float = 20.0, command: list[str] | None = None
    ) -> None:
        self.name = name
        self.log = data_dir / "logs" / f"{name}.log"
        self._env = dict(env)
        self._cwd = data_dir
        self._patience_s = patience_s
        self._command = command or [sys.executable, "-P", "-m", MODULE, name]
        self._mark = _mark_file(data_dir, name)
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """The running process, once started."""
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.alive()

    async def start(self) -> None:
        """Start the process. Raises KonstructError when the system refuses."""
        try:
            self._process = Process.start(Launch(self._command, self.log, self._env, self._cwd))
        except OSError as error:
            raise KonstructError(f"cannot start {self.name}: {error.strerror}") from None
        self._mark.parent.mkdir(mode=0o700, exist_ok=True)
        write_private(self._mark, self._process.mark())

    async def ended(self) -> int | None:
        """Wait until the process has ended; return its exit code."""
        return await self._process.ended() if self._process else None

    async def stop(self) -> None:
        """Ask the process to finish what it does (SIGTERM only: a worker drains), and end it after its patience."""
        if self._process:
            await self._process.stop((signal.SIGTERM, self._patience_s))
            self._mark.unlink(missing_ok=True)


async def stop_orphans(data_dir: Path, *, patience_s: float = 10.0) -> list[str]:
    """Stop the processes that a supervisor killed with SIGKILL left on `data_dir`; return their names."""
    # The number in a mark may have gone to a stranger since, who is left alone.
    marks = sorted(_mark_file(data_dir, "x").parent.glob("*.json"))
    orphans = {mark.stem: orphan for mark in marks if (orphan := Process.from_mark(read_json(mark) or {}, MODULE))}
    await asyncio.gather(*(orphan.stop((signal.SIGTERM, patience_s)) for orphan in orphans.values()))
    for mark in marks:
        mark.unlink()
    return list(orphans)


def _mark_file(data_dir: Path, name: str) -> Path:
    return data_dir / "run" / f"{name}.json"
