"""Reads the files of the messages that a turn answers: fetched once, read in a process of their own, kept with the message.

A turn waits for its files, but not for long: what is not read by then is named, and can be asked about later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog

from konstruct.agents.ports import MediaSource
from konstruct.agents.turn import Line, Turn
from konstruct.conversations import files_repository
from konstruct.conversations.files import FileAbsent, FileText, id_of
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.text import storable
from konstruct.memory.extraction.kinds import HEAD_BYTES, kind_of_content
from konstruct.memory.extraction.limits import MAX_FILE_BYTES
from konstruct.memory.extraction.process import extract
from konstruct.memory.extraction.refusal import Unreadable

log = structlog.get_logger()

MAX_FILES = 5
"""Files of one turn that are opened, the newest."""
MAX_CHARS = 60_000
"""Characters of a file that are kept."""
BOUND_S = 20.0
"""Longest wait of a turn for all of its files."""
AT_ONCE = 2
TOO_MANY = f"is one of more than {MAX_FILES} files, and only {MAX_FILES} are opened at a time"


@dataclass(frozen=True, slots=True)
class _Sent:
    message_id: UUID
    file_id: str
    file: Mapping[str, Any]


class FileReader:
    """Reads files for turns. Keeps nothing between them."""

    def __init__(self, db: Database, media: MediaSource, *, bound_s: float = BOUND_S) -> None:
        self._db = db
        self._media = media
        self._bound_s = bound_s
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def read(self, scope: TenantScope, turn: Turn) -> Turn:
        """Return the turn with what its files say, as far as that is known in time."""
        waiting = [sent for line in reversed(turn.asked) for sent in _unread(line)]
        if not waiting:
            return turn
        async with asyncio.timeout(self._bound_s + 5):
            tasks = [asyncio.create_task(self._read(scope, turn.account_id, sent)) for sent in waiting[:MAX_FILES]]
            try:
                await asyncio.wait(tasks, timeout=min(self._bound_s, max(0.0, turn.remaining_s / 2)))
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
        read = {sent.file_id: text for sent, text in zip(waiting, ended, strict=False) if isinstance(text, FileText)}
        for sent in waiting[MAX_FILES:]:
            read[sent.file_id] = FileText(sent.file_id, "", 0, TOO_MANY)
        return replace(turn, asked=tuple(_with(line, read) for line in turn.asked))

    async def _read(self, scope: TenantScope, account_id: UUID, sent: _Sent) -> FileText:
        """Fetch and read one file, and keep what came of it. One that may be had later is not kept."""
        async with self._slots:
            found = await self._media.fetch(scope, account_id, sent.file, limit_bytes=MAX_FILE_BYTES, timeout_s=self._bound_s)
            if isinstance(found, FileAbsent):
                read = FileText(sent.file_id, "", 0, found.reason)
                if found.later:
                    return read
            else:
                read = await _extracted(sent.file_id, found.name, found.content, self._bound_s)
        await self._db.run(scope, lambda s: files_repository.store(s, sent.message_id, read))
        log.info("file_read", message_id=str(sent.message_id), chars=len(read.text), read=read.reason is None)
        return read


async def _extracted(file_id: str, name: str, content: bytes, deadline_s: float) -> FileText:
    async def no_progress(_done: int, _total: int) -> None:
        return None

    try:
        kind = kind_of_content(name, content[:HEAD_BYTES])
        text = storable(await extract(kind, [content], no_progress, deadline_s)).strip()
    except Unreadable as why:
        return FileText(file_id, "", 0, str(why))
    if not text:
        return FileText(file_id, "", 0, "has no text in it")
    return FileText(file_id, text[:MAX_CHARS], max(0, len(text) - MAX_CHARS), None)


def _unread(line: Line) -> list[_Sent]:
    if line.id is None:
        return []
    known = {read.file_id for read in line.read}
    named = [(id_of(file), file) for file in line.attachments]
    return [_Sent(line.id, file_id, file) for file_id, file in named if file_id is not None and file_id not in known]


def _with(line: Line, read: Mapping[str, FileText]) -> Line:
    mine = [read[file_id] for file in line.attachments if (file_id := id_of(file)) in read and file_id is not None]
    return replace(line, read=(*line.read, *mine)) if mine else line
