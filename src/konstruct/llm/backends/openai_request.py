"""The body of POST /chat/completions."""

from __future__ import annotations

import re
from typing import Any

import orjson

from konstruct.llm.port import ChatMessage, ChatRequest, ToolSpec

# OpenAI's reasoning models refuse `max_tokens` and any temperature but the default; other servers know only `max_tokens`.
_REASONING = re.compile(r"(?:openai/)?(?:gpt-[5-9]|o[1-9])(?![a-z])")


def request_body(request: ChatRequest, model: str) -> bytes:
    """Return the JSON body that asks for a streamed answer with its usage."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if _REASONING.match(model):
        body["max_completion_tokens"] = request.max_output_tokens
    else:
        body["max_tokens"] = request.max_output_tokens
        body["temperature"] = request.temperature
    if request.tools:
        # Sorted, so that the prompt's prefix stays the same and the provider's cache holds.
        body["tools"] = [_tool(tool) for tool in sorted(request.tools, key=lambda tool: tool.name)]
    return orjson.dumps(body)


def _message(message: ChatMessage) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        body["content"] = message.content or None
        body["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return body


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
