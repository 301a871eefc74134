"""The file of an export: a ZIP with a file of JSON lines per table, made piece by piece and never held whole."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Member:
    """A finished file of the archive."""

    rows: int
    bytes: int
    sha256: str


class _Sink(io.RawIOBase):
    """Takes what zipfile writes, without a place to go back to: so it writes what a stream can read from front to end."""

    def __init__(self) -> None:
        super().__init__()
        self.held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]  # whatever buffer it is
        self.held += piece
        return len(piece)


class Archive:
    """Writes the archive. Its methods compress, so they belong into a thread; `take` hands over what is ready."""

    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", zipfile.ZIP_DEFLATED, compresslevel=6)
        self.members: dict[str, Member] = {}

    def add(self, name: str, text: str) -> None:
        """Write a whole file."""
        self._zip.writestr(name, text)

    def table(self, name: str) -> TableFile:
        """Begin the file of a table; the one before it must be closed."""
        return TableFile(self, name)

    def close(self) -> None:
        """Write the directory: nothing follows."""
        self._zip.close()

    def take(self, at_least: int = 0) -> bytes:
        """Return what is ready, nothing while it is shorter than `at_least`."""
        held = self._sink.held
        if len(held) < at_least:
            return b""
        ready = bytes(held)
        held.clear()
        return ready


class TableFile:
    """The open file of one table."""

    def __init__(self, archive: Archive, name: str) -> None:
        self._archive = archive
        self._name = name
        self._file = archive._zip.open(f"tables/{name}.jsonl", "w", force_zip64=True)
        self._digest = hashlib.sha256()
        self._rows = self._bytes = 0

    def add(self, lines: list[str]) -> None:
        """Write rows, one line each."""
        data = "".join(f"{line}\n" for line in lines).encode()
        self._file.write(data)
        self._digest.update(data)
        self._rows += len(lines)
        self._bytes += len(data)

    def close(self) -> None:
        """End the file and enter it among the archive's members."""
        self._file.close()
        self._archive.members[self._name] = Member(self._rows, self._bytes, self._digest.hexdigest())
