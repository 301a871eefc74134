"""`konstruct up` as a person runs it: one process to start, everything running, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

import psutil
import pytest

from konstruct.kit.errors import KonstructError
from konstruct.local.child import Child
from konstruct.local.instance import load_instance
from konstruct.local.ports import pick_port
from konstruct.local.ready import wait_until, web_serves

PATIENCE_S = 180


class Up:
    """A running `konstruct up`, and what it says."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = data_dir
        self.port = port
        self.lines: list[str] = []
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, **env: str) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "konstruct.cli.main", "up", "--port", str(self.port), "--data-dir", str(self.data_dir)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **env},
        )
        return self

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    async def says(self, start: str) -> str:
        """Read on until a line that begins with `start`; return it."""
        assert self._process
        assert self._process.stdout
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self._process.stdout.readline()).decode().rstrip():
                self.lines.append(line)
                if line.startswith(start):
                    return line
        raise AssertionError(f"it ended without {start!r}: {self.lines}")

    async def end(self, number: int | None = None) -> int:
        """Send a signal, if any; return the exit code and keep what was still said."""
        assert self._process
        if number is not None and self._process.returncode is None:
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            rest, _ = await self._process.communicate()
        self.lines += rest.decode().splitlines()
        return await self._process.wait()

    def processes(self) -> dict[int, str]:
        """Return the processes that work in the data folder: their numbers and names."""
        found = {}
        for process in psutil.process_iter():
            try:
                if process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()).is_relative_to(self.data_dir):
                    found[process.pid] = process.name()
            except (psutil.Error, OSError):
                continue
        return found


@pytest.fixture
async def make_up(tmp_path: Path) -> AsyncIterator[Callable[..., Up]]:
    made: list[Up] = []

    def make(name: str = "a", port: int | None = None) -> Up:
        made.append(Up(tmp_path / name, port or pick_port()))
        return made[-1]

    yield make
    for up in made:
        for pid in up.processes():
            psutil.Process(pid).kill()


async def test_the_life_of_an_instance(make_up: Callable[..., Up]) -> None:
    up = make_up()
    await up.start()
    ready = await up.says("ready")
    portal = f"http://127.0.0.1:{up.port}"
    assert ready.startswith(f"ready  {portal}  sign in once with {portal}/sign-in/")
    assert await web_serves(up.port)
    instance = load_instance(up.data_dir)
    assert (instance.pid, instance.portal, instance.ports["web"]) == (up.pid, portal, up.port)
    assert instance.settings.sandbox

    second = await make_up("a").start()
    assert await second.end() == 1
    assert [line for line in second.lines if "already runs" in line] == second.lines

    rival = await make_up("b", port=up.port).start()
    assert await rival.end() == 1
    assert (
        rival.lines[-1]
        == "konstruct: " + f"port {up.port} is in use by another program: stop it, or choose another port with --port"
    )
    assert rival.processes() == {}

    worker = next(pid for pid in up.processes() if psutil.Process(pid).cmdline()[-1] == "worker")
    os.kill(worker, signal.SIGKILL)
    assert "killed by signal 9; starting it again in 0.5 s" in await up.says("worker was")
    await up.says("worker runs again")

    os.kill(int((up.data_dir / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    await up.says("postgres was killed by signal 9; starting it again")
    await up.says("postgres runs again")
    async with asyncio.timeout(PATIENCE_S):
        while not await web_serves(up.port):
            await asyncio.sleep(0.05)

    assert await up.end(signal.SIGTERM) == 0
    assert up.lines[-2:] == ["stopping", "stopped"]
    assert up.processes() == {}
    with pytest.raises(KonstructError, match="no instance runs"):
        load_instance(up.data_dir)


async def test_the_next_up_takes_over_what_a_killed_one_left(make_up: Callable[..., Up]) -> None:
    first, neighbour = await make_up("a").start(), await make_up("b").start()
    await asyncio.gather(first.says("ready"), neighbour.says("ready"))
    ports = load_instance(first.data_dir).ports
    await first.end(signal.SIGKILL)
    left = first.processes()
    assert len([name for name in left.values() if name == "postgres"]) > 1
    with pytest.raises(KonstructError, match="no instance runs"):
        load_instance(first.data_dir)

    second = await make_up("a", port=first.port).start()
    await second.says("ready")
    assert second.lines[0] == "stopped what an earlier run left: beat, web, worker"
    assert f"PostgreSQL: adopted on port {ports['postgres']}" in second.lines
    assert f"Valkey: adopted on port {ports['valkey']}" in second.lines
    assert [pid for pid in left if _is_ours(pid)] == [], "the old web, worker and beat are gone"
    assert await web_serves(second.port)
    assert await web_serves(neighbour.port)
    for up in (second, neighbour):
        assert await up.end(signal.SIGINT) == 0
        assert up.processes() == {}


async def test_a_stop_while_it_starts_leaves_nothing(make_up: Callable[..., Up]) -> None:
    up = make_up()
    await up.start()
    await up.says("PostgreSQL and Valkey: starting")
    assert await up.end(signal.SIGTERM) == 0
    assert up.lines[-1] == "stopped"
    assert up.processes() == {}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TURN_DEADLINE_S", "soon", "TURN_DEADLINE_S is wrong"),
        ("BURST_S", "inf", "BURST_S is wrong"),
        ("LEASE_S", "nan", "LEASE_S is wrong"),
        ("SLACK_API_URL", "foo", "SLACK_API_URL is wrong"),
        ("SLACK_API_URL", "", "SLACK_API_URL is wrong"),
        ("SLACK_SIGNING_SECRET", " ", "SLACK_SIGNING_SECRET is wrong"),
        ("PUBLIC_URL", "konstruct.example", "PUBLIC_URL is wrong"),
        ("ROOT_KEY", "hunter2", "ROOT_KEY is wrong"),
        ("LLM_URL", "http://127.0.0.1:1/v1", "LLM_MODEL is not set"),
        ("LLM_BACKEND", "openai_compat", "LLM_URL is not set"),
    ],
)
async def test_a_wrong_setting_is_one_line_before_anything_starts(
    make_up: Callable[..., Up], variable: str, value: str, said: str
) -> None:
    up = make_up()
    await up.start(**{f"KONSTRUCT_{variable}": value})
    assert await up.end() == 1
    (line,) = up.lines
    assert line.startswith(f"konstruct: KONSTRUCT_{said}")
    assert not (up.data_dir / "postgres").exists()


async def test_addresses_that_up_decides_itself_may_be_wrong(make_up: Callable[..., Up]) -> None:
    up = make_up()
    await up.start(KONSTRUCT_DATABASE_URL="nonsense", KONSTRUCT_BROKER_URL="nonsense")
    await up.says("PostgreSQL and Valkey: starting")
    assert await up.end(signal.SIGTERM) == 0


async def test_a_child_that_ends_while_it_starts_is_named_with_its_last_words(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit('KONSTRUCT_KEYRING is wrong')"]
    child = Child("web", os.environ, data_dir=tmp_path, command=command)
    await child.start()

    async def never() -> bool:
        return False

    with pytest.raises(KonstructError, match="web ended with exit code 1 while it started: KONSTRUCT_KEYRING is wrong"):
        await wait_until(never, [child], "web")
    await child.stop()


def test_progress_that_nobody_reads_any_more_stops_nothing() -> None:
    code = "import sys; from konstruct.local.up import say; sys.stdin.read(); say('a'); say('b')"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.close()
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0


def _is_ours(pid: int) -> bool:
    """Whether one of our own processes runs under `pid`; one that has ended and waits for its parent does not."""
    try:
        return "konstruct.cli.main" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False
