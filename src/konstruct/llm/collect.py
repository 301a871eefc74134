"""Collects the deltas of one attempt into a whole answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from konstruct.kit.text import storable
from konstruct.llm.port import Delta, Finish, LlmError, TextDelta, ToolCall, ToolCallDelta

MAX_TOOL_CALLS = 64
"""More calls than this in one answer are a model in a loop, not a plan."""


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)


class Collector:
    """The answer so far. `first_at` is the clock at the first piece; from then on the attempt must not be repeated."""

    def __init__(self, clock: Callable[[], float], on_text: Callable[[str], Awaitable[None]] | None) -> None:
        self._clock = clock
        self._on_text = on_text
        self._text: list[str] = []
        self._calls: dict[int, _Call] = {}
        self.first_at: float | None = None
        self.finish: Finish | None = None

    async def consume(self, stream: AsyncIterator[Delta]) -> None:
        """Take the whole answer. Raises LlmError; closes the stream, and with it the HTTP call, however it ends."""
        try:
            async for delta in stream:
                await self._take(delta)
        finally:
            if isinstance(stream, AsyncGenerator):
                await stream.aclose()
        if self.finish is None:
            raise LlmError("garbage", "the answer ended before it was finished")

    @property
    def text(self) -> str:
        """The text, made storable."""
        return storable("".join(self._text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tool calls in the order of their indexes; their arguments are the model's own text."""
        return tuple(
            ToolCall(storable(call.id) or f"call_{index}", storable(call.name), storable("".join(call.arguments)))
            for index, call in sorted(self._calls.items())
        )

    async def _take(self, delta: Delta) -> None:
        if isinstance(delta, Finish):
            self.finish = delta
            return
        if isinstance(delta, TextDelta):
            if delta.text:
                self._note_first()
                self._text.append(delta.text)
                if self._on_text is not None:
                    await self._on_text(delta.text)
            return
        self._note_first()
        self._take_call(delta)

    def _take_call(self, delta: ToolCallDelta) -> None:
        call = self._calls.setdefault(delta.index, _Call())
        if len(self._calls) > MAX_TOOL_CALLS:
            raise LlmError("garbage", f"the answer asks for more than {MAX_TOOL_CALLS} tool calls")
        call.id = call.id or delta.id or ""
        call.name = call.name or delta.name or ""
        call.arguments.append(delta.arguments)

    def _note_first(self) -> None:
        if self.first_at is None:
            self.first_at = self._clock()
