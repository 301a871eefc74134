"""Server-sent events, as far as model servers use them: bytes in, the data of whole events out."""

from __future__ import annotations

from konstruct.llm.port import LlmError

MAX_EVENT_BYTES = 1 << 20
"""One event holds one token or one tool call's arguments; a mebibyte is far above any real one."""

_BOM = b"\xef\xbb\xbf"


class SseParser:
    """Splits a byte stream into events (WHATWG HTML, section 9.2.6). Only the `data` field is kept.

    Lines may end in LF, CRLF or CR, and the stream may be cut anywhere, also inside a character.
    """

    __slots__ = ("_buffer", "_data", "_size", "_started")

    def __init__(self) -> None:
        self._buffer = b""
        self._data: list[bytes] = []
        self._size = 0
        self._started = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of each event that `chunk` completes. Raises LlmError (garbage) for an event above the cap."""
        buffer = self._buffer + chunk
        if not self._started:
            if _BOM.startswith(buffer):
                self._buffer = buffer
                return []
            buffer = buffer.removeprefix(_BOM)
            self._started = True
        # A CR at the very end may be half of a CRLF: it waits for the next chunk.
        held = buffer.endswith(b"\r")
        lines = (buffer[:-1] if held else buffer).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._buffer = lines.pop() + (b"\r" if held else b"")
        events = [event for line in lines if (event := self._line(line)) is not None]
        if len(self._buffer) + self._size > MAX_EVENT_BYTES:
            raise LlmError("garbage", "an event of the stream is larger than 1 MiB")
        return events

    def finish(self) -> list[bytes]:
        """Return what the end of the stream leaves: some servers omit the last blank line."""
        rest, self._buffer = self._buffer.removesuffix(b"\r"), b""
        events = [self._line(rest), self._line(b"")]
        return [event for event in events if event is not None]

    def _line(self, line: bytes) -> bytes | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return b"\n".join(data) if data else None
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._size += len(value)
        return None
