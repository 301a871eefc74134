"""The process that reads one file: `python -m konstruct.memory.extraction KIND`, the file on standard input.

It answers on standard output, a line of JSON each: how far it is, at last the text or why there is none.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import BinaryIO

from konstruct.memory.extraction.gathering import Progress
from konstruct.memory.extraction.limits import MAX_FILE_BYTES, limit_process
from konstruct.memory.extraction.refusal import TOO_HEAVY, Unreadable

READERS = {
    "text": "plain",
    "markdown": "plain",
    "pdf": "pdf_file",
    "docx": "docx_file",
    "html": "html_page",
    "csv": "csv_table",
}
_REPORT_EVERY_S = 0.2


def main(kind: str, source: BinaryIO, answers: BinaryIO) -> None:
    """Read the file and answer."""
    said_at = time.monotonic()

    def say(**words: object) -> None:
        answers.write(json.dumps(words, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
        answers.flush()

    def progress(done: int, total: int) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= _REPORT_EVERY_S:
            said_at = time.monotonic()
            say(done=done, total=total)

    try:
        say(text=_reader(kind)(source.read(MAX_FILE_BYTES + 1), progress))
    except Unreadable as why:
        say(refused=str(why))
    except MemoryError:
        say(refused=TOO_HEAVY)


def _reader(kind: str) -> Callable[[bytes, Progress], str]:
    found: Callable[[bytes, Progress], str] = import_module(f"konstruct.memory.extraction.{READERS[kind]}").read
    return found


if __name__ == "__main__":
    limit_process()
    output = sys.stdout.buffer
    # What a library prints must not stand between the answers.
    sys.stdout = sys.stderr
    main(sys.argv[1], sys.stdin.buffer, output)
