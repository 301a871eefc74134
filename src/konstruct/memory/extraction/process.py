"""Has a file read by a process of its own, which may loop, swell or crash without harm to anybody else.

A thread would not do: it cannot be stopped, shares the memory, and a parser's loop in C holds up every turn of the worker.
The process gets the file and nothing else: none of our settings, no open connection, no way to write a file.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from konstruct.memory.extraction.kinds import Kind
from konstruct.memory.extraction.limits import DEADLINE_S, MAX_DOCUMENT_CHARS
from konstruct.memory.extraction.refusal import DAMAGED, TOO_HEAVY, TOO_SLOW, Unreadable

_PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_LINE_BYTES = 8 * MAX_DOCUMENT_CHARS
"""A character takes at most 4 bytes, or 6 as an escape."""
_OUT_OF_TIME = (-9, -24)
"""How a process ends that was killed, or used up its processor time."""

OnProgress = Callable[[int, int], Awaitable[None]]


async def extract(kind: Kind, parts: Sequence[bytes], on_progress: OnProgress, deadline_s: float = DEADLINE_S) -> str:
    """Return the text of the file that `parts` make up. Raises Unreadable. Cancelling it ends the process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-B", "-m", "konstruct.memory.extraction", kind.name,
        stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/", limit=_LINE_BYTES,
        env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
    )  # fmt: skip
    try:
        async with asyncio.timeout(deadline_s):
            await _feed(process, parts)
            answer = await _last_answer(process, on_progress)
            code = await process.wait()
    except TimeoutError:
        raise Unreadable(TOO_SLOW) from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if text := answer.get("text"):
        return str(text)
    if refused := answer.get("refused"):
        raise Unreadable(str(refused))
    raise Unreadable(TOO_SLOW if code in _OUT_OF_TIME else TOO_HEAVY if code > 0 else DAMAGED)


async def _feed(process: Process, parts: Sequence[bytes]) -> None:
    assert process.stdin is not None
    try:
        for part in parts:
            process.stdin.write(part)
            await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()
    except (BrokenPipeError, ConnectionResetError):
        # It has ended already; what it said, or how it ended, tells why.
        return


async def _last_answer(process: Process, on_progress: OnProgress) -> dict[str, Any]:
    """Return what the process says at last; nothing if it ends without a word."""
    assert process.stdout is not None
    try:
        while line := await process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if "done" not in answer:
                return answer
            await on_progress(int(answer["done"]), int(answer["total"]))
    except ValueError:
        # Cut off in the middle of a line, or longer than any text may be.
        return {}
    return {}
