"""The watchdog tells a loop that does not turn from one that does, and ends a process whose loop is stuck."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest

from konstruct.jobs import watchdog
from konstruct.jobs.watchdog import EXIT_CODE, Watchdog


async def test_a_loop_that_turns_is_never_stuck_and_one_that_does_not_is_after_its_patience() -> None:
    watched = Watchdog(asyncio.get_running_loop(), lambda: None, patience=3)
    assert [watched.tick() for _ in range(3)] == [False, False, True]
    # An answer, however late, makes up for all that was missed.
    await asyncio.sleep(0)
    assert watched.tick() is False
    for _ in range(10):
        await asyncio.sleep(0)
        assert watched.tick() is False


async def test_the_thread_notices_a_loop_that_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "TICK_S", 0.01)
    noticed = threading.Event()
    watched = Watchdog(asyncio.get_running_loop(), noticed.set, patience=5)
    watched.start()
    try:
        # The loop is held here until the thread has noticed: without it the test would end in this time-out.
        assert noticed.wait(30)
    finally:
        watched.stop()


async def test_a_loop_that_has_ended_is_nobodys_business() -> None:
    ended = asyncio.new_event_loop()
    ended.close()
    watched = Watchdog(ended, lambda: None, patience=2)
    assert watched.tick() is False
    watched.stop()


def test_the_process_ends_with_its_stacks_and_no_values() -> None:
    code = "secret = 'xoxb-hush'\nfrom konstruct.jobs.watchdog import end_process\ndef held():\n    end_process()\nheld()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == EXIT_CODE
    assert "in held" in ended.stderr and "loop_stuck" in ended.stdout + ended.stderr
    assert "hush" not in ended.stderr
