"""What the tests of the model layer share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.llm.port import ChatMessage, ChatRequest, Delta, LlmBackend, TextDelta

SCOPE_A = TenantScope(UUID("00000000-0000-7000-8000-00000000000a"))
SCOPE_B = TenantScope(UUID("00000000-0000-7000-8000-00000000000b"))
CANARY = "canary-7c1f-of-a-tenant"


def request(*texts: str, scope: TenantScope = SCOPE_A) -> ChatRequest:
    """A request with a system prompt and these user messages."""
    users = tuple(ChatMessage("user", text) for text in texts or (f"Hello, {CANARY}",))
    return ChatRequest(scope, (ChatMessage("system", "You are Robin."), *users))


async def collect(stream: AsyncIterator[Delta]) -> list[Delta]:
    """Every delta of an answer."""
    return [delta async for delta in stream]


async def text_of(backend: LlmBackend, asked: ChatRequest) -> str:
    """The text of an answer."""
    return "".join(delta.text for delta in await collect(backend.stream(asked)) if isinstance(delta, TextDelta))


class Clock:
    """A monotonic clock that moves when told, and by each sleep."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
