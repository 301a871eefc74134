"""What went wrong, from an OpenAI-compatible server's answer. Nothing of its text is repeated: it may quote prompt or key."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from konstruct.llm.backends.openai_json import parse_json
from konstruct.llm.port import LlmError, LlmErrorKind

_TOO_LONG_CODES = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_TOO_LONG_TEXT = re.compile(
    r"(maximum|max|model'?s?|available) context (length|size|window)|context[_ ]length[_ ]exceeded|"
    r"(prompt|input) (is|was) too long|exceeds? the .{0,40}context",
    re.IGNORECASE,
)
_RATE_CODES = frozenset({"rate_limit_exceeded", "rate_limit_error", "insufficient_quota", "too_many_requests"})
_AUTH_CODES = frozenset({"invalid_api_key", "authentication_error", "permission_error"})
_REQUEST_CODES = frozenset(
    {"invalid_request_error", "model_not_found", "unsupported_parameter", "unsupported_value", "invalid_type", "not_found_error"}
)
_SERVER_CODES = frozenset({"server_error", "internal_error", "overloaded_error", "engine_overloaded", "api_error"})
_KNOWN_CODES = _TOO_LONG_CODES | _RATE_CODES | _AUTH_CODES | _REQUEST_CODES | _SERVER_CODES


def error_from_status(status: int, body: bytes, retry_after: str | None) -> LlmError:
    """Return the error for an answer that is not a success. `body` is the (possibly cut) error body."""
    payload = _error_object(body)
    code = _code(payload)
    detail = f"the model server answered HTTP {status}" + (f" ({code})" if code else "")
    if 300 <= status < 400:
        detail += "; redirects are not followed, set KONSTRUCT_LLM_URL to the final address"
    after = retry_after_seconds(retry_after) if retry_after else None
    return LlmError(_kind_of_status(status, code, payload), detail, retry_after_s=after, status=status)


def error_in_stream(payload: Any) -> LlmError:
    """Return the error for an `error` object inside an answer that began as a success."""
    found = payload if isinstance(payload, dict) else {"message": payload}
    code = _code(found)
    if code in _RATE_CODES:
        kind: LlmErrorKind = "rate_limited"
    elif _is_too_long(code, found):
        kind = "too_long"
    elif code in _AUTH_CODES:
        kind = "auth"
    elif code in _REQUEST_CODES:
        kind = "bad_request"
    else:
        kind = "unavailable"
    return LlmError(kind, "the model server reported an error inside its answer" + (f" ({code})" if code else ""))


def retry_after_seconds(value: str) -> float | None:
    """Return the seconds of a Retry-After header: a number or an HTTP date (RFC 9110, section 10.2.3); None if it is neither."""
    if re.fullmatch(r"\s*\d{1,9}(\.\d{1,9})?\s*", value):
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _kind_of_status(status: int, code: str | None, payload: dict[str, Any]) -> LlmErrorKind:
    if status in (401, 403):
        return "auth"
    if status == 429:
        return "rate_limited"
    if status == 408:
        return "timeout"
    if status == 413 or (400 <= status < 500 and _is_too_long(code, payload)):
        return "too_long"
    return "bad_request" if status < 500 else "unavailable"


def _error_object(body: bytes) -> dict[str, Any]:
    payload = parse_json(body)
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return {}
    error = payload.get("error", payload)
    return error if isinstance(error, dict) else {"message": error}


def _code(payload: dict[str, Any]) -> str | None:
    for name in ("code", "type"):
        value = payload.get(name)
        if isinstance(value, str) and value in _KNOWN_CODES:
            return value
    return None


def _is_too_long(code: str | None, payload: dict[str, Any]) -> bool:
    message = payload.get("message")
    return code in _TOO_LONG_CODES or (isinstance(message, str) and _TOO_LONG_TEXT.search(message[:2000]) is not None)
