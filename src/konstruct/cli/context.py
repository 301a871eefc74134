"""Where a command's settings come from: the environment, or the embedded instance that runs on a data directory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from konstruct.cli.startup import check_settings
from konstruct.db.database import Database
from konstruct.kit import log as logs
from konstruct.kit.open_files import allow_many_files
from konstruct.kit.settings import PREFIX, LogLevel, Settings, load_settings
from konstruct.kit.stacks import tell_stacks_on_signal
from konstruct.local.instance import load_instance
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.vault import Vault

T = TypeVar("T")
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the embedded instance (default: ~/.local/share/konstruct).")
]


def process_settings(process: str) -> Settings:
    """Return the settings of a long-running process, from its environment, and configure its logs.

    Raises SettingsError naming what the process cannot start with.
    """
    settings = load_settings()
    check_settings(settings, process)
    logs.configure(settings, process)
    tell_stacks_on_signal()
    allow_many_files()
    return settings


def running_settings(data_dir: Path | None, log_level: LogLevel = "WARNING") -> Settings:
    """Return the settings of the running system: the environment's if it names a database, else the embedded instance's.

    Configures the command's own logs. Raises KonstructError when neither is there.
    """
    own = data_dir is None and PREFIX + "DATABASE_URL" in os.environ
    settings = load_settings() if own else load_instance(data_dir).settings
    check_settings(settings, "cli")
    logs.configure(settings.model_copy(update={"log_level": log_level}), "cli")
    return settings


def with_database(settings: Settings, work: Callable[[Database, Vault], Awaitable[T]]) -> T:
    """Return what `work` returns on the running system's database and vault."""

    async def run() -> T:
        db = await Database.open(settings, pool=2)
        try:
            return await work(db, Vault(open_key_provider(settings)))
        finally:
            await db.close()

    return asyncio.run(run())
