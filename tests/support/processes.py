"""Our own processes, started as an operator starts them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.house import until


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return a bare environment with these `KONSTRUCT_` settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "PYTHONPATH": "src", **{f"KONSTRUCT_{name}": value for name, value in settings.items()}}


async def command(env: Mapping[str, str], *words: str) -> str:
    """Run `konstruct …` to its end; return what it printed. Fails the test if it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "konstruct.cli.main",
        *words,
        env=dict(env),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@asynccontextmanager
async def running(env: Mapping[str, str], name: str, log: Path, sign: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `konstruct NAME` for the block, from when its log holds `sign`; stop it with SIGTERM."""
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "konstruct.cli.main", name, env=dict(env), stdout=out, stderr=out
        )
    try:
        await until(lambda: sign in log.read_text() or process.returncode is not None, 60)
        assert process.returncode is None, log.read_text()
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(30):
                await process.wait()
