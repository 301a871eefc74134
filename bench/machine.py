"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import psutil

_PACKAGES = ("asyncpg", "celery", "fastapi", "slack-bolt", "uvicorn", "uvloop")


async def describe(admin_url: str, folder: Path) -> dict[str, Any]:
    """Return the machine and the versions, and what one fsync takes in `folder`, where the database lives."""
    connection = await asyncpg.connect(admin_url)
    try:
        server = str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "python": platform.python_version(),
        "postgresql": server,
        "packages": {name: version(name) for name in _PACKAGES},
        "fsync_ms": round(_fsync_s(folder) * 1000, 2),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _fsync_s(folder: Path) -> float:
    """Return the median of a few writes of a page, each forced to the disk."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(50):
            started = time.perf_counter()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - started)
    return sorted(times)[25]
