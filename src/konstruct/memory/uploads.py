"""The door for files: what is taken is stored as it came, and read later by a worker."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from typing import BinaryIO
from uuid import UUID

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.text import storable
from konstruct.memory import uploads_repository as repository
from konstruct.memory.documents import TITLE_MAX, DocumentError, Stored
from konstruct.memory.extraction.kinds import HEAD_BYTES, detect
from konstruct.memory.extraction.limits import MAX_FILE_BYTES
from konstruct.memory.extraction.refusal import Unreadable
from konstruct.tenants import notices

MAX_WAITING = 100
"""Files of a business that may wait to be read."""
PART_BYTES = 1024 * 1024
TOO_LARGE = f"is larger than {MAX_FILE_BYTES // 1024 // 1024} MB: upload it in parts, or without its pictures"
TOO_MANY = f"has to wait: {MAX_WAITING} files are being read already. Try again in a few minutes"
_NAME_CHARS = 200
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


class Uploads:
    """Takes files for the tenant that each call names. Keeps nothing between calls."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(
        self,
        scope: TenantScope,
        file: BinaryIO,
        filename: str,
        declared: str = "",
        *,
        title: str = "",
        uploaded_by: UUID | None = None,
    ) -> Stored:
        """Store a file to be read; it is never held in memory as a whole. `declared` is the type the browser names.

        A file that the tenant already has is left as it is; one that could not be read before is tried again. Raises
        DocumentError, which names the file and says what to do.
        """
        name = tidy_name(filename)
        size = file.seek(0, os.SEEK_END)
        if size > MAX_FILE_BYTES:
            raise DocumentError.of(name, TOO_LARGE)
        file.seek(0)
        try:
            kind = detect(name, declared, file.read(HEAD_BYTES))
        except Unreadable as why:
            raise DocumentError.of(name, why) from None
        digest = await asyncio.to_thread(_digest, file)
        new = repository.NewFile(uuid7(), _title(title) or title_of(name), name, kind.mime, size, digest, uploaded_by)
        async with self._db.tenant(scope) as session:
            if (failed := await repository.forget_failed(session, digest)) is not None:
                await notices.forget(session, "document_failed", str(failed))
            if await repository.count_waiting(session) >= MAX_WAITING:
                raise DocumentError.of(name, TOO_MANY)
            found = await repository.insert(session, new, _parts(file))
        return Stored(found, known=found != new.id)


def tidy_name(filename: str) -> str:
    """Return the name of a file without its folders and without characters that would make it read as another name."""
    base = _UNSEEN.sub("", storable(filename)).replace("\\", "/").rpartition("/")[2]
    name = " ".join(unicodedata.normalize("NFC", base).split())
    if len(name) > _NAME_CHARS:
        dot = name.rfind(".")
        suffix = name[dot:] if 0 <= len(name) - dot <= 10 else ""
        name = name[: _NAME_CHARS - len(suffix)] + suffix
    return name or "file"


def title_of(name: str) -> str:
    """Return the title of a document that came as a file of that name."""
    return name.rpartition(".")[0].replace("_", " ").strip() or name


def _title(title: str) -> str:
    tidy = " ".join(storable(title).split())
    if len(tidy) > TITLE_MAX:
        raise DocumentError(f"a document needs a title of 1 to {TITLE_MAX} characters")
    return tidy


def _digest(file: BinaryIO) -> bytes:
    digest = hashlib.sha256()
    for part in _parts(file):
        digest.update(part)
    return digest.digest()


def _parts(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while part := file.read(PART_BYTES):
        yield part
