"""The data folder of an embedded instance, its lock, and the note that tells other commands where it runs.

data folder (0700)
  up.lock          held by the running `konstruct up`
  instance.json    the running instance: process, portal, ports, environment (0600, as it holds the logins)
  secrets.json     passwords and keys, made once (0600)
  keyring.json     the vault's keys
  postgres/ valkey/ logs/ run/
"""

from __future__ import annotations

import fcntl
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import PREFIX, Settings, load_settings
from konstruct.local.files import read_json, write_private
from konstruct.local.process import Process

_LOCK = "up.lock"
_NOTE = "instance.json"


def default_data_dir() -> Path:
    """Return the folder used when none is named."""
    return Path.home() / ".local" / "share" / "konstruct"


@dataclass(frozen=True, slots=True)
class Instance:
    """A running embedded instance, as other commands see it."""

    pid: int
    started: float
    portal: str
    ports: dict[str, int]
    env: dict[str, str] = field(repr=False)
    """The `KONSTRUCT_…` variables of its processes."""

    @property
    def settings(self) -> Settings:
        """The settings of its processes. Raises SettingsError for a wrong value."""
        return settings_of(self.env)


def settings_of(env: dict[str, str]) -> Settings:
    """Return the settings that the `KONSTRUCT_…` variables of `env` stand for. Raises SettingsError."""
    return load_settings(**{name.removeprefix(PREFIX).lower(): value for name, value in env.items() if name.startswith(PREFIX)})


def load_instance(data_dir: Path | None = None) -> Instance:
    """Return the instance that runs on `data_dir`. Raises KonstructError, one line that says what to do, when none does."""
    folder = data_dir or default_data_dir()
    note = read_json(folder / _NOTE)
    if note is None or Process.from_mark(note, "") is None:
        raise KonstructError(f"no instance runs on {folder}: start one with `konstruct up`, or name its folder with --data-dir")
    return Instance(**note)


def save_instance(data_dir: Path, instance: Instance) -> None:
    """Let other commands find `instance`."""
    write_private(data_dir / _NOTE, asdict(instance))


def forget_instance(data_dir: Path) -> None:
    """Take the note away: nothing runs here any more."""
    (data_dir / _NOTE).unlink(missing_ok=True)


class DataFolder:
    """The data folder, locked for one `konstruct up` until `release()` or the end of the process."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @classmethod
    def take(cls, path: Path) -> DataFolder:
        """Make the folder if needed, close it to others, and lock it.

        Raises KonstructError when another `konstruct up` runs on it, when it holds something else, or cannot be made.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not (path / _LOCK).exists() and any(path.iterdir()):
                raise KonstructError(f"{path} holds something else: name an empty folder, or a new one, with --data-dir")
            path.chmod(0o700)
            handle = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise KonstructError(f"cannot use {path}: {error.strerror}; name another folder with --data-dir") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            note = read_json(path / _NOTE) or {}
            where = f" ({note['portal']}, process {note['pid']})" if note else ""
            raise KonstructError(
                f"konstruct already runs on {path}{where}: stop it, or name another folder with --data-dir"
            ) from None
        return cls(path, handle)

    def release(self) -> None:
        """Give the folder free."""
        os.close(self._handle)
