"""A file that only its owner may read, replaced whole or not at all, with one writer at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from konstruct.tenants.key_provider import KeyProviderError

LOCK_WAIT_S = 10.0
"""Longest wait for another writer, whose whole work is some milliseconds."""

Signature = tuple[int, int, int, int]
"""Device, inode, modification time (ns) and size: what differs between any two states of a file."""


class PrivateFile:
    """A small secret file. Everything here blocks: `signature` for microseconds, the rest belongs in a thread."""

    def __init__(self, path: Path, what: str) -> None:
        self.path = path
        self._what = what

    def signature(self) -> Signature | None:
        """Return what identifies the present state, None when there is no file. Raises KeyProviderError for a wide mode."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal(f"cannot be reached ({error.strerror})") from None
        return self._checked(found)

    def read(self) -> tuple[bytes, Signature] | None:
        """Return content and signature of one state, None when there is no file.

        Raises KeyProviderError when it cannot be read or anybody but its owner could read or write it.
        """
        try:
            with self.path.open("rb") as file:
                signature = self._checked(os.fstat(file.fileno()))
                return file.read(), signature
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._refusal(f"cannot be read ({error.strerror})") from None

    def replace(self, content: bytes) -> None:
        """Put `content` in the file's place, durably; a crash leaves the old state or the new. The lock must be held."""
        target = Path(os.path.realpath(self.path))
        temporary = target.with_name(f"{target.name}.new")
        try:
            # One writer at a time, so a leftover is of a writer that was killed.
            temporary.unlink(missing_ok=True)
            try:
                _write(temporary, content, target.stat() if target.exists() else None)
                temporary.replace(target)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_folder(target.parent)
        except OSError as error:
            raise self._refusal(f"cannot be written ({error.strerror})") from None

    def remove(self) -> None:
        """Delete the file if it is there, durably. The lock must be held."""
        try:
            self.path.unlink(missing_ok=True)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._refusal(f"cannot be removed ({error.strerror})") from None

    @contextmanager
    def lock(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the file's lock (`<path>.lock`; the file itself is replaced). Raises KeyProviderError after LOCK_WAIT_S."""
        path = self.path.with_name(f"{self.path.name}.lock")
        if shared and not path.exists():
            # Nobody has ever written here (a read-only mount): there is no writer to wait for.
            yield
            return
        try:
            handle = os.open(path, os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._refusal(f"cannot be locked ({path}: {error.strerror})") from None
        try:
            self._keep_owner(handle)
            self._acquire(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _keep_owner(self, handle: int) -> None:
        """Root, at an operator's hand, must not lock the service's user out."""
        if os.geteuid() == 0 and self.path.exists():
            owner = self.path.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)

    def _acquire(self, handle: int, mode: int) -> None:
        deadline = time.monotonic() + LOCK_WAIT_S
        while True:
            try:
                return fcntl.flock(handle, mode | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise self._refusal(f"has been locked by another process for {LOCK_WAIT_S:.0f} s") from None
                time.sleep(0.005)

    def _checked(self, found: os.stat_result) -> Signature:
        if not stat.S_ISREG(found.st_mode):
            raise self._refusal("is not a file")
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o077:
            raise self._refusal(f"has mode {mode:04o} and must be its owner's alone: chmod 600 {self.path}")
        return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

    def _refusal(self, text: str) -> KeyProviderError:
        return KeyProviderError(f"{self._what} {self.path} {text}")


def _write(path: Path, content: bytes, before: os.stat_result | None) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        if before is not None:
            # As for the lock: root must not take the file away from the service's user.
            if os.geteuid() == 0:
                os.fchown(handle, before.st_uid, before.st_gid)
            # Inodes are used again and clocks are coarse: a time that only grows tells any two states apart.
            newer = max(time.time_ns(), before.st_mtime_ns + 1)
            os.utime(handle, ns=(newer, newer))
        os.fsync(handle)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
