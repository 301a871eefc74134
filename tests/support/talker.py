"""A model that speaks piece by piece, when the test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from konstruct.llm.port import ChatRequest, Delta, Finish, LlmError, TextDelta, ToolCallDelta, Usage
from tests.support.house import until


class Talker:
    """Each request is answered by what is said while it is the newest one."""

    name = "scripted"
    model = "scripted/talker"

    def __init__(self) -> None:
        self.requests: list[ChatRequest] = []
        self._said: list[asyncio.Queue[Delta | LlmError]] = []

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Yield what the test says, until it says that this is all."""
        said: asyncio.Queue[Delta | LlmError] = asyncio.Queue()
        self.requests.append(request)
        self._said.append(said)
        while True:
            delta = await said.get()
            if isinstance(delta, LlmError):
                raise delta
            yield delta
            if isinstance(delta, Finish):
                return

    async def close(self) -> None:
        """Nothing is held."""

    async def asked(self, times: int) -> None:
        """Wait until it was asked so often."""
        await until(lambda: len(self._said) >= times)

    def newest(self) -> Callable[[str], None]:
        """Return what says more in answer to the newest request, whatever is asked later."""
        said = self._said[-1]
        return lambda piece: said.put_nowait(TextDelta(piece) if piece else Finish("stop", Usage()))

    def say(self, *pieces: str) -> None:
        """Say more."""
        for piece in pieces:
            self._said[-1].put_nowait(TextDelta(piece))

    def end(self) -> None:
        """Say that this is all."""
        self._said[-1].put_nowait(Finish("stop", Usage()))

    def use_a_tool(self) -> None:
        """Ask for a tool, and end."""
        self._said[-1].put_nowait(ToolCallDelta(0, "call-1", "look", "{}"))
        self._said[-1].put_nowait(Finish("tool_calls", Usage()))

    def fail(self) -> None:
        """Break off."""
        self._said[-1].put_nowait(LlmError("unavailable", "gone"))
