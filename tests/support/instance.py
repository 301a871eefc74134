"""A running `konstruct up`, as its README starts it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

import konstruct
from konstruct.local.sandbox.businesses import Business
from tests.support.ports import free_port

START_S = 120
"""A loaded machine is no failure."""


@dataclass
class Instance:
    """What a test talks to."""

    url: str
    folder: Path
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession

    async def posts(self, business: Business) -> list[dict[str, Any]]:
        """Return everything that the employee of a business has said."""
        async with self.http.get(f"{self.url}/sandbox/control/accepted") as response:
            found: list[dict[str, Any]] = await response.json()
        return [post for post in found if post["team_id"] == business.workspace.team_id]

    async def say(self, business: Business, channel: str, text: str) -> None:
        """Let the first person of a business say something."""
        words = {"team": business.workspace.team_id, "user": business.people[0].user_id, "channel": channel, "text": text}
        async with self.http.post(f"{self.url}/sandbox/messages", json=words) as response:
            assert response.status == 201

    async def command(self, *words: str) -> str:
        """Run `konstruct …` on this instance; return what it printed."""
        line = (sys.executable, "-m", "konstruct.cli.main", *words, "--data-dir", str(self.folder))
        process = await asyncio.create_subprocess_exec(
            *line, env=_environment({}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), START_S)
        assert process.returncode == 0, err.decode()
        return out.decode()


@asynccontextmanager
async def open_instance(folder: Path, **settings: str) -> AsyncIterator[Instance]:
    """Run `konstruct up` on `folder` until the block ends; `settings` are `KONSTRUCT_` variables without their prefix."""
    port = free_port()
    command = (sys.executable, "-m", "konstruct.cli.main", "up", "--port", str(port), "--data-dir", str(folder))
    environment = _environment({f"KONSTRUCT_{name}": value for name, value in settings.items()})
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, start_new_session=True
    )
    try:
        await _ready(process)
        async with aiohttp.ClientSession() as http:
            yield Instance(f"http://127.0.0.1:{port}", folder, process, http)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.communicate(), 60)


def _environment(settings: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(konstruct.__file__).parents[1]), **settings}


async def _ready(process: asyncio.subprocess.Process) -> None:
    """Return once `up` prints `ready`. Its output is small and fits the pipe from then on."""
    assert process.stdout is not None
    seen = []
    async with asyncio.timeout(START_S):
        async for line in process.stdout:
            seen.append(line.decode())
            if line.startswith(b"ready"):
                return
    raise AssertionError("konstruct up ended before it was ready:\n" + "".join(seen))
