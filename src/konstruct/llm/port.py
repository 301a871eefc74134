"""The model port: one protocol for every backend, and the values that cross it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol
from uuid import UUID

from konstruct.db.scope import TenantScope


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call the model asks for. `arguments` is the model's JSON text, unparsed: it may be anything."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the prompt."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it; `parameters` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One model call. `scope` names the tenant that pays and whose data the prompt holds."""

    scope: TenantScope
    messages: tuple[ChatMessage, ...]
    tools: tuple[ToolSpec, ...] = ()
    model: str | None = None
    """Overrides the target's model."""
    max_output_tokens: int = 1024
    temperature: float = 0.3
    turn_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call, as the provider counts them; None where it did not say."""

    input_tokens: int | None = None
    cached_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call: the first one of an `index` carries `id` and `name`; `arguments` pieces are appended."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of the answer."""

    reason: str
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    """The model that answered, as the provider names it."""


Delta = TextDelta | ToolCallDelta | Finish


class LlmBackend(Protocol):
    """One way to a model. It keeps nothing between calls but its HTTP connections."""

    name: str
    model: str

    def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Yield the answer's pieces, the last a Finish. Raises LlmError."""

    async def close(self) -> None:
        """Release the HTTP connections."""


LlmErrorKind = Literal["unavailable", "timeout", "rate_limited", "auth", "bad_request", "too_long", "garbage", "over_budget"]


class LlmError(Exception):
    """A model call failed. The text holds no prompt and no answer.

    `unavailable`, `timeout`, `rate_limited` and `garbage` are worth another target; the rest are not.
    """

    def __init__(self, kind: LlmErrorKind, detail: str, *, retry_after_s: float | None = None, status: int | None = None) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.retry_after_s = retry_after_s
        self.status = status

    @property
    def transient(self) -> bool:
        """Whether another target, or the same one later, may answer."""
        return self.kind in ("unavailable", "timeout", "rate_limited", "garbage")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One attempt at one target, as it will stand in `llm_calls`."""

    backend: str
    model: str
    outcome: str
    """`ok` or the kind of LlmError."""
    usage: Usage
    cost_micro: int | None
    """Millionths of a US dollar; None where the price or the usage is not known, never 0 for that."""
    latency_ms: int
    first_token_ms: int | None
    started_at: float | None = None
    """When it began, on the router's monotonic clock."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer, with every attempt that led to it."""

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    calls: tuple[CallRecord, ...]


class LlmFailed(Exception):  # noqa: N818  # the outcome of all attempts, not of one error
    """No target answered. `last` says why the last attempt failed; `calls` holds every attempt."""

    def __init__(self, last: LlmError, calls: tuple[CallRecord, ...]) -> None:
        super().__init__(str(last))
        self.last = last
        self.calls = calls
