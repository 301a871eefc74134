"""The embedded PostgreSQL server: made, started, adopted, recovered and stopped by our own code.

It listens on the loopback address with SCRAM passwords, and on a socket in its own folder. fsync stays on: a message
that was acknowledged survives a power cut here as it does in production.

Root is no exception: PostgreSQL then runs as `nobody`, who cannot pass the private folders above its own (mode 0700, or a
private home). Nothing is opened for it. The process is started with its folder as the working directory and is told
that its data is in `/proc/self/cwd`, which the kernel follows without asking the folders above. (Linux only; elsewhere it
runs as an ordinary user, with plain paths.)
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from konstruct.kit.errors import ConflictError, KonstructError
from konstruct.local.account import database_account
from konstruct.local.files import last_lines
from konstruct.local.ports import LOOPBACK, pick_port
from konstruct.local.postgres_binaries import find_binaries
from konstruct.local.process import Launch, Process

SUPERUSER = "postgres"
_HERE = "/proc/self/cwd"
_START_S = 120.0
"""Recovery after kill -9 replays the log since the last checkpoint (1 GB at most): seconds, or a minute on a slow disk."""
_RETRY_S = 0.1
_SOCKET_PATH_MAX = 100
"""sun_path holds 108 bytes on Linux, 104 on macOS."""
_PASSING = ("is still in use", "already exists", "could not create any TCP/IP sockets")
"""What PostgreSQL says when its predecessor has not quite gone, or another program took the port meanwhile."""
_OPTIONS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The wheel has no LLVM.
    "jit": "off",
    # Errors go to the client, which is ours. Here they would quote values, and logs carry none.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class _PidFile:
    """postmaster.pid: its process, port, and whether it says that it takes connections."""

    pid: int
    port: int
    ready: bool


class Postgres:
    """One cluster in `folder`, with its superuser's `password`. `port` is preferred, and changed when it is taken."""

    name = "postgres"

    def __init__(self, folder: Path, password: str, *, log: Path, port: int | None = None) -> None:
        self.folder = folder
        self.log = log
        self.port = port
        self.adopted = False
        self._password = password
        self._process: Process | None = None
        self._account = database_account()
        self._binaries: Path | None = None
        # Once others have the address, a restart must keep the port.
        self._served = False

    @property
    def admin_url(self) -> str:
        """The superuser's address of the running server."""
        return f"postgresql://{SUPERUSER}:{self._password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def pid(self) -> int | None:
        """The postmaster's process, once started."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Make the cluster if there is none, then adopt the running server or start one, and wait until it takes logins.

        Raises KonstructError, one line with PostgreSQL's own reason, when it does not.
        """
        self._binaries = await asyncio.to_thread(find_binaries, self._account)
        if not (self.folder / "PG_VERSION").exists():
            await asyncio.to_thread(self._make_cluster)
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            log_start = self.log.stat().st_size if self.log.exists() else 0
            if await self._start_once(deadline):
                return
            reason = last_lines(self.log, 2, start=log_start)
            if not self.adopted and not any(phrase in reason for phrase in _PASSING):
                raise KonstructError(f"PostgreSQL did not start: {reason or 'it said nothing'} (log: {self.log})")
            await asyncio.sleep(_RETRY_S)
        raise KonstructError(f"PostgreSQL did not take connections within {_START_S:.0f} s (log: {self.log})")

    async def ended(self) -> int | None:
        """Wait until the server has ended; return its exit code, None when it was adopted."""
        return await self._process.ended() if self._process else None

    async def stop(self) -> None:
        """Stop: connections are cut and rolled back (fast), after 20 s without a checkpoint (immediate)."""
        if self._process:
            await self._process.stop((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))

    async def _start_once(self, deadline: float) -> bool:
        """Adopt or start; return whether it takes connections. False: it ended before that."""
        running = self._running()
        self.adopted = running is not None
        if running is None:
            # The numbers in them belong to nobody, or to a stranger: PostgreSQL would wait for a stranger of the same user.
            for lock in [self.folder / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")]:
                lock.unlink(missing_ok=True)
            if self.port is None or not self._served:
                self.port = pick_port(self.port)
            running = Process.start(self._launch(self.port))
        self._process = running
        while running.alive() and time.monotonic() < deadline:
            found = self._pid_file()
            if found and found.pid == running.pid and found.ready:
                self.port = found.port
                if await self._takes_login():
                    self._served = True
                    return True
            await asyncio.sleep(0.02)
        return False

    def _launch(self, port: int) -> Launch:
        assert self._binaries
        where = self._where(self.folder)
        socket = self.folder / f".s.PGSQL.{port}"
        options = {
            **_OPTIONS,
            "port": str(port),
            "unix_socket_directories": where if len(os.fsencode(socket)) <= _SOCKET_PATH_MAX else "",
        }
        command = [str(self._binaries / "postgres"), "-D", where]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return Launch(command, self.log, _environment(), self.folder, self._account)

    def _running(self) -> Process | None:
        """Return the postmaster that works in this folder, left by an earlier supervisor."""
        found = self._pid_file()
        return Process.find(found.pid, self._is_postmaster) if found else None

    def _is_postmaster(self, process: psutil.Process) -> bool:
        return process.name() == "postgres" and Path(process.cwd()).samefile(self.folder)

    def _pid_file(self) -> _PidFile | None:
        try:
            lines = (self.folder / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            return _PidFile(int(lines[0]), int(lines[3]), len(lines) > 7 and lines[7].strip() == "ready")
        except (OSError, ValueError, IndexError):
            return None

    async def _takes_login(self) -> bool:
        from konstruct.db.probe import accepts

        try:
            return await accepts(self.admin_url)
        except ConflictError as error:
            raise KonstructError(f"PostgreSQL in {self.folder} has another password than ours: {error}") from None

    def _make_cluster(self) -> None:
        """Run initdb in a folder beside, and move it into place: one that was killed half way is never started."""
        assert self._binaries
        fresh = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        secret = fresh.with_name(f"{fresh.name}.password")
        secret.unlink(missing_ok=True)
        handle = os.open(secret, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(handle, f"{self._password}\n".encode())
            if self._account:
                os.chown(fresh, self._account.user, self._account.group)
                os.fchown(handle, self._account.user, self._account.group)
            self._run_initdb(fresh, handle, secret)
        finally:
            os.close(handle)
            secret.unlink()
        if self.folder.exists():
            self.folder.rmdir()
        fresh.rename(self.folder)
        # Else a power cut could bring the old name back, and the next start would make the cluster anew.
        parent = os.open(self.folder.parent, os.O_RDONLY)
        os.fsync(parent)
        os.close(parent)

    def _run_initdb(self, folder: Path, handle: int, secret: Path) -> None:
        assert self._binaries
        command = [str(self._binaries / "initdb"), "-D", self._where(folder), f"--username={SUPERUSER}"]
        command += ["--auth=scram-sha-256", f"--pwfile={f'/proc/self/fd/{handle}' if _linux() else secret}", "--data-checksums"]
        # PostgreSQL's own C.UTF-8 orders text alike on every machine and after every update of the C library.
        command += ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        drop = {"user": self._account.user, "group": self._account.group, "extra_groups": []} if self._account else {}
        done: subprocess.CompletedProcess[str] = subprocess.run(  # type: ignore[call-overload]
            command, cwd=folder, env=_environment(), pass_fds=(handle,), capture_output=True, text=True, check=False, **drop
        )
        if done.returncode:
            said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
            raise KonstructError(f"initdb failed in {self.folder}: {said[0] if said else f'exit code {done.returncode}'}")

    def _where(self, folder: Path) -> str:
        return _HERE if _linux() else str(folder)


def _linux() -> bool:
    return sys.platform.startswith("linux")


def _environment() -> dict[str, str]:
    # Nothing of ours: a PGPORT or PGDATA of the user would override, and our secrets are no business of its processes.
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
