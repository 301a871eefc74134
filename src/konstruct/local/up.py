"""`konstruct up`: the production topology on embedded parts, from nothing to `ready`, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from konstruct.kit import log as logs
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings
from konstruct.local.instance import DataFolder, default_data_dir, forget_instance
from konstruct.local.ports import require_free
from konstruct.local.stack import Stack
from konstruct.local.supervisor import Supervisor


async def up(port: int, data_dir: Path | None, check: Callable[[Settings], None]) -> int:
    """Start everything on `data_dir`, print `ready` with the portal's address, and run until SIGINT, SIGTERM or SIGHUP.

    `check` raises SettingsError for settings that one of the processes could not start with: it is asked before any does.
    Returns the exit code: 0 after a stop, 1 with one line on the standard error when something did not start.
    """
    stop = _stop_on_signals()
    try:
        folder = DataFolder.take((data_dir or default_data_dir()).expanduser().absolute())
        try:
            return await _run(folder.path, port, check, stop)
        finally:
            folder.release()
    except (KonstructError, OSError) as error:
        # A full disk is as much the operator's to mend as a busy port.
        print(f"konstruct: {error}", file=sys.stderr, flush=True)
        return 1


def say(line: str) -> None:
    """Print a line of progress. When nobody reads any more (`konstruct up | head`), the parts run on."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _run(data_dir: Path, port: int, check: Callable[[Settings], None], stop: asyncio.Event) -> int:
    supervisor = Supervisor(say)
    stack = Stack(data_dir, port, supervisor, say, os.environ)
    check(stack.settings)
    # The terminal is for progress and warnings. A wrong setting of the user is named here, before anything starts.
    logs.configure(stack.settings.model_copy(update={"log_level": "WARNING"}), "up")
    try:
        await stack.stop_orphans()
        require_free(port)
        if await _unless(stop, _start(stack, supervisor)):
            await stop.wait()
        say("stopping")
    finally:
        await supervisor.stop()
        forget_instance(data_dir)
    say("stopped")
    return 0


async def _start(stack: Stack, supervisor: Supervisor) -> None:
    await stack.start_servers()
    await stack.prepare_database()
    await stack.start_children()
    await stack.serve()
    supervisor.watch()
    link = await stack.sign_in_link()
    say(f"ready  {stack.portal}  sign in once with {link}")
    say(f"       {stack.portal}/sandbox  talk to the AI employees of two businesses; Ctrl-C stops everything")


async def _unless(stop: asyncio.Event, work: Awaitable[None]) -> bool:
    """Do `work` unless `stop` comes first; return whether it was done. Its error is raised."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
    for task in (doing, stopping):
        if not task.done():
            task.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    try:
        await doing
    except asyncio.CancelledError:
        return False
    return True


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    return stop
