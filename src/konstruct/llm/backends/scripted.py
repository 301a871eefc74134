"""Replies from a script, for tests and benchmarks: no network, no model, every request recorded."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

from konstruct.llm.port import ChatRequest, Delta, Finish, LlmError, TextDelta, Usage

Reply = str | LlmError | Sequence[Delta]
"""A whole text, an error to raise, or the exact deltas (which may lack a Finish, as a broken stream does)."""

Script = Iterable[Reply] | Callable[[ChatRequest], Reply]


class ScriptedBackend:
    """Answers each request with the next reply of its script; an exhausted list is an error, not silence."""

    name = "scripted"

    def __init__(
        self,
        script: Script | None = None,
        *,
        model: str = "scripted/replies",
        delay: Callable[[ChatRequest], Awaitable[None]] | None = None,
    ) -> None:
        """`script` without a value echoes the last user messages. `delay` is awaited before each reply."""
        self.model = model
        self.requests: list[ChatRequest] = []
        self.closed = False
        self._delay = delay
        self._answer = _as_function(script)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Yield the next reply. Raises the LlmError that the script holds, or one when the script is over."""
        self.requests.append(request)
        if self._delay is not None:
            await self._delay(request)
        reply = self._answer(request)
        if isinstance(reply, LlmError):
            raise reply
        for delta in _text_reply(reply) if isinstance(reply, str) else reply:
            yield delta

    async def close(self) -> None:
        """Note that the router closed it."""
        self.closed = True


def echo(request: ChatRequest) -> str:
    """Return the last consecutive user messages, so that a test can see which ones were answered."""
    burst: list[str] = []
    for message in reversed(request.messages):
        if message.role != "user":
            break
        burst.append(message.content)
    return "\n".join(reversed(burst))


def _as_function(script: Script | None) -> Callable[[ChatRequest], Reply]:
    if script is None:
        return echo
    if callable(script):
        return script
    replies = iter(script)
    return lambda _request: next(replies, LlmError("bad_request", "the script has no more replies"))


def _text_reply(text: str) -> list[Delta]:
    return [TextDelta(text), Finish("stop", Usage())]
