"""One process that we watch: started by us, or found again after the process that started it was killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_POLL_S = 0.02
_WATCH_S = 0.1
_LOG_MAX = 10 * 1024 * 1024
"""Bytes after which a log is put aside when its process starts; one older log is kept."""
_CLOCK_SLACK_S = 2.0
"""A process's start time is derived from the boot time, which moves by about a second when the clock is set."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user and group that a process drops to."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process. `env` is its whole environment; `keep` are descriptors it inherits."""

    command: Sequence[str]
    log: Path
    env: Mapping[str, str]
    cwd: Path
    account: Account | None = None
    keep: Sequence[int] = ()


class Process:
    """A live process and its identity: the number, and the start time, because numbers are used again."""

    def __init__(self, handle: psutil.Process, child: subprocess.Popen[bytes] | None) -> None:
        self._handle = handle
        self._child = child
        self.pid: int = handle.pid

    @classmethod
    def start(cls, launch: Launch) -> Process:
        """Start a process in a session of its own, so that a Ctrl-C in the terminal does not reach it. Raises OSError."""
        launch.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _rotate(launch.log)
        extra: dict[str, Any] = {}
        if launch.account:
            extra = {"user": launch.account.user, "group": launch.account.group, "extra_groups": []}
        handle = os.open(launch.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as log:
            child = subprocess.Popen(
                launch.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(launch.env),
                cwd=launch.cwd,
                start_new_session=True,
                pass_fds=tuple(launch.keep),
                **extra,
            )
        return cls(psutil.Process(child.pid), child)

    @classmethod
    def find(cls, pid: int, fits: Callable[[psutil.Process], bool]) -> Process | None:
        """Return the live process `pid` when `fits` recognises it, else None."""
        try:
            handle = psutil.Process(pid)
            if handle.status() == psutil.STATUS_ZOMBIE or not fits(handle):
                return None
        except (psutil.Error, OSError, ValueError):
            return None
        return cls(handle, None)

    @classmethod
    def from_mark(cls, mark: Mapping[str, Any], word: str) -> Process | None:
        """Return the live process that `mark()` described, when its command line still holds `word`."""

        def fits(handle: psutil.Process) -> bool:
            same = abs(handle.create_time() - float(mark["started"])) <= _CLOCK_SLACK_S
            return same and any(word in part for part in handle.cmdline())

        try:
            return cls.find(int(mark["pid"]), fits)
        except (KeyError, TypeError, ValueError):
            return None

    def mark(self) -> dict[str, Any]:
        """Return what `from_mark` needs to find this process again."""
        return {"pid": self.pid, "started": self._handle.create_time()}

    @property
    def exit_code(self) -> int | None:
        """The exit code of a process that we started and that has ended (minus the signal that ended it), else None."""
        return self._child.poll() if self._child else None

    def alive(self) -> bool:
        """Whether it still runs. A zombie does not."""
        if self._child:
            return self._child.poll() is None
        try:
            return bool(self._handle.is_running() and self._handle.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False

    async def ended(self) -> int | None:
        """Wait until it has ended; return its exit code, None when another process started it."""
        while self.alive():
            await asyncio.sleep(_WATCH_S)
        return self.exit_code

    async def stop(self, *signals: tuple[int, float]) -> bool:
        """Send each signal in turn and wait its seconds for the end; SIGKILL last. Return whether it ended by itself."""
        for number, patience_s in signals:
            if await self._ends_after(number, patience_s):
                return True
        await self._ends_after(signal.SIGKILL, 10.0)
        return False

    async def _ends_after(self, number: int, patience_s: float) -> bool:
        # psutil refuses to signal a number that was given to another process since.
        try:
            self._handle.send_signal(number)
        except psutil.NoSuchProcess:
            return True
        deadline = time.monotonic() + patience_s
        while self.alive():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True


def _rotate(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_MAX:
        log.replace(log.with_name(f"{log.name}.1"))


def own_mark() -> dict[str, Any]:
    """Return the mark of this process."""
    return Process(psutil.Process(), None).mark()
