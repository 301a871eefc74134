"""The supervisor: starts again what dies, stops all in order, and takes over what a killed one left."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from konstruct.kit.errors import KonstructError
from konstruct.local import process
from konstruct.local import supervisor as module
from konstruct.local.child import MODULE, Child, stop_orphans
from konstruct.local.files import read_json, write_private
from konstruct.local.supervisor import Supervisor

RUNS = "import signal\nprint('up', flush=True)\nsignal.pause()"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{RUNS}"


class Terminal(list[str]):
    """What was said, and a way to wait for it."""

    async def shows(self, text: str, times: int = 1) -> str:
        async with asyncio.timeout(20):
            while sum(text in line for line in self) < times:
                await asyncio.sleep(0.01)
        return next(line for line in self if text in line)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
async def supervisor(terminal: Terminal) -> AsyncIterator[Supervisor]:
    made = Supervisor(terminal.append)
    yield made
    await made.stop()


@pytest.fixture
def child(tmp_path: Path) -> Callable[..., Child]:
    def make(name: str, code: str, patience_s: float = 10.0) -> Child:
        # The module's name stands in the command line, as it does in a real child's.
        command = [sys.executable, "-c", code, MODULE]
        return Child(name, {**os.environ}, data_dir=tmp_path, patience_s=patience_s, command=command)

    return make


async def written(part: Child, text: str = "up") -> None:
    async with asyncio.timeout(20):
        while not part.log.exists() or text not in part.log.read_text():
            await asyncio.sleep(0.01)


async def test_a_child_that_dies_is_started_again_with_a_clear_line(
    supervisor: Supervisor, terminal: Terminal, child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.01)
    web, worker = child("web", RUNS), child("worker", RUNS)
    for part in (web, worker):
        await supervisor.start(part)
    supervisor.watch()
    before, untouched = web.pid, worker.pid
    assert before
    os.kill(before, signal.SIGKILL)
    line = await terminal.shows("web was killed")
    assert line == f"web was killed by signal 9; starting it again in 0.01 s (log: {web.log})"
    await terminal.shows("web runs again")
    assert web.alive()
    assert web.pid != before
    assert worker.pid == untouched


async def test_the_back_off_doubles_to_its_bound(
    supervisor: Supervisor, terminal: Terminal, child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FIRST_DELAY_S", 0.01)
    monkeypatch.setattr(module, "LONGEST_DELAY_S", 0.04)
    await supervisor.start(child("worker", "raise SystemExit(3)"))
    supervisor.watch()
    await terminal.shows("worker ended with exit code 3", times=4)
    delays = [line.split(" in ")[1].split(" s")[0] for line in terminal if "ended" in line]
    assert delays[:4] == ["0.01", "0.02", "0.04", "0.04"]


async def test_a_part_that_does_not_start_again_is_tried_again(supervisor: Supervisor, terminal: Terminal) -> None:
    class Flaky:
        name, log, starts = "postgres", Path("postgres.log"), 0

        async def start(self) -> None:
            self.starts += 1
            if self.starts == 2:
                raise KonstructError("the disk is full")

        async def ended(self) -> int | None:
            if self.starts > 2:
                await asyncio.Event().wait()
            return 1

        async def stop(self) -> None:
            self.starts = -1

    part = Flaky()
    await supervisor.start(part)
    supervisor.watch()
    await terminal.shows("postgres did not start: the disk is full; trying again in 1 s")
    await terminal.shows("postgres runs again")
    await supervisor.stop()
    assert part.starts == -1


async def test_all_are_stopped_the_last_started_first(supervisor: Supervisor) -> None:
    order: list[str] = []

    class Recorder:
        log = Path("log")

        def __init__(self, name: str) -> None:
            self.name = name

        async def start(self) -> None:
            order.append(f"+{self.name}")

        async def ended(self) -> int | None:
            await asyncio.Event().wait()
            return None

        async def stop(self) -> None:
            order.append(f"-{self.name}")

    for name in ("postgres", "valkey", "beat", "worker", "web"):
        await supervisor.start(Recorder(name))
    supervisor.watch()
    await supervisor.stop()
    assert order[5:] == ["-web", "-worker", "-beat", "-valkey", "-postgres"]


async def test_stopping_a_child_is_not_its_death(supervisor: Supervisor, terminal: Terminal, child: Callable[..., Child]) -> None:
    part = child("web", RUNS)
    await supervisor.start(part)
    supervisor.watch()
    await written(part)
    await supervisor.stop()
    assert not part.alive()
    assert terminal == []


async def test_a_child_gets_sigterm_only_and_is_killed_after_its_patience(child: Callable[..., Child]) -> None:
    polite, stubborn = child("web", RUNS), child("worker", STUBBORN, patience_s=0.2)
    for part in (polite, stubborn):
        await part.start()
        await written(part)
        await part.stop()
    assert await polite.ended() == -signal.SIGTERM
    assert await stubborn.ended() == -signal.SIGKILL


async def test_a_child_does_not_share_our_session(child: Callable[..., Child]) -> None:
    part = child("web", RUNS)
    await part.start()
    assert part.pid
    assert os.getsid(part.pid) == part.pid != os.getsid(0)
    await part.stop()


async def test_a_child_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    part = Child("web", {}, data_dir=tmp_path, command=[str(tmp_path / "nothing")])
    with pytest.raises(KonstructError, match="cannot start web: No such file"):
        await part.start()


async def test_orphans_are_stopped_and_strangers_left_alone(child: Callable[..., Child], tmp_path: Path) -> None:
    orphan = child("worker", RUNS)
    await orphan.start()
    run = tmp_path / "run"
    stranger = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    namesake = subprocess.Popen([sys.executable, "-c", RUNS, MODULE])
    started = psutil.Process(stranger.pid).create_time()
    write_private(run / "web.json", {"pid": stranger.pid, "started": started})
    write_private(run / "beat.json", {"pid": namesake.pid, "started": started - 3600})
    (run / "broken.json").write_text("{")
    try:
        assert await stop_orphans(tmp_path) == ["worker"]
        assert await orphan.ended() == -signal.SIGTERM
        assert stranger.poll() is None
        assert namesake.poll() is None
        assert list(run.iterdir()) == []
        assert await stop_orphans(tmp_path) == []
    finally:
        namesake.kill()
        stranger.communicate()
        namesake.wait()


async def test_a_mark_names_the_running_child_and_goes_with_it(child: Callable[..., Child], tmp_path: Path) -> None:
    part = child("beat", RUNS)
    await part.start()
    mark = tmp_path / "run" / "beat.json"
    assert (read_json(mark) or {})["pid"] == part.pid
    await part.stop()
    assert not mark.exists()


async def test_a_long_log_is_put_aside_when_its_process_starts(
    child: Callable[..., Child], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_LOG_MAX", 10)
    part = child("web", RUNS)
    part.log.parent.mkdir()
    part.log.write_text("much to read\n")
    await part.start()
    await written(part)
    await part.stop()
    assert part.log.read_text() == "up\n"
    assert part.log.with_name("web.log.1").read_text() == "much to read\n"
