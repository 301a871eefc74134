"""The answer of POST /chat/completions: chunks of a stream, or one whole body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from konstruct.kit.text import storable
from konstruct.llm.backends.openai_errors import error_in_stream
from konstruct.llm.backends.openai_json import parse_json, whole_number
from konstruct.llm.port import Delta, Finish, LlmError, TextDelta, ToolCallDelta, Usage

DONE = b"[DONE]"


class AnswerReader:
    """Turns chunks into deltas and remembers what the Finish needs."""

    __slots__ = ("_last_index", "_model", "_reason", "_seen", "_usage", "done")

    def __init__(self) -> None:
        self._reason: str | None = None
        self._usage = Usage()
        self._model: str | None = None
        self._last_index = -1
        self._seen = False
        self.done = False

    def chunk(self, data: bytes) -> Iterator[Delta]:
        """Yield the deltas of one stream event. Raises LlmError for an error event or an event that is no JSON object."""
        if data.strip() == DONE:
            self.done = True
            return
        yield from self._payload(data, "delta")

    def whole(self, body: bytes) -> Iterator[Delta]:
        """Yield the deltas of an answer that was not streamed. Raises LlmError as `chunk` does."""
        yield from self._payload(body, "message")
        self.done = True

    def finish(self) -> Finish:
        """Return the end of the answer. Raises LlmError (garbage) if the server never ended it."""
        if self._reason is None and not (self.done and self._seen):
            raise LlmError("garbage", "the answer ended before it was finished")
        return Finish(self._reason or "stop", self._usage, self._model)

    def _payload(self, data: bytes, part: str) -> Iterator[Delta]:
        payload = parse_json(data)
        if not isinstance(payload, dict):
            raise LlmError("garbage", "a part of the answer is no JSON object")
        if payload.get("error"):
            raise error_in_stream(payload["error"])
        self._note(payload)
        choices = payload.get("choices")
        if not isinstance(choices, list) or not choices:
            return
        choice = choices[0]
        if not isinstance(choice, dict):
            raise LlmError("garbage", "a choice of the answer is no JSON object")
        self._seen = True
        if isinstance(choice.get("finish_reason"), str):
            self._reason = storable(choice["finish_reason"][:40])
        if isinstance(choice.get(part), dict):
            yield from self._content(choice[part])

    def _note(self, payload: dict[str, Any]) -> None:
        if isinstance(payload.get("model"), str):
            self._model = storable(payload["model"][:200]) or None
        usage = payload.get("usage")
        if not isinstance(usage, dict):
            return
        details = usage.get("prompt_tokens_details")
        cached = whole_number(details.get("cached_tokens")) if isinstance(details, dict) else None
        given = whole_number(usage.get("prompt_tokens"))
        if cached is not None and given is not None:
            # Cached tokens are part of the input; `llm_calls` refuses a server's miscount that says more.
            cached = min(cached, given)
        self._usage = Usage(given, cached, whole_number(usage.get("completion_tokens")))

    def _content(self, message: dict[str, Any]) -> Iterator[Delta]:
        for name in ("content", "refusal"):
            text = _text(message.get(name))
            if text:
                yield TextDelta(text)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                yield self._tool_call(call)

    def _tool_call(self, call: dict[str, Any]) -> ToolCallDelta:
        called = call.get("function")
        function: dict[str, Any] = called if isinstance(called, dict) else {}
        identity = call.get("id") if isinstance(call.get("id"), str) and call.get("id") else None
        index = whole_number(call.get("index"))
        if index is None:
            # Some servers leave the index out: then a new id starts a new call.
            index = self._last_index + 1 if identity or self._last_index < 0 else self._last_index
        self._last_index = index
        name = function.get("name")
        return ToolCallDelta(index, identity, name if isinstance(name, str) and name else None, _arguments(function))


def _arguments(function: dict[str, Any]) -> str:
    arguments = function.get("arguments")
    if arguments is None:
        return ""
    # Some servers send the arguments as an object instead of its JSON text.
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text")
    return "".join(part for part in parts if isinstance(part, str))
