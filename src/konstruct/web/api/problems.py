"""What the API answers when something is wrong: `application/problem+json` (RFC 9457), the same form for every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from konstruct.db.database import TRANSIENT_ERRORS
from konstruct.kit.errors import ConflictError, ForbiddenError, KonstructError, NotFoundError, StorageUnavailableError

MEDIA_TYPE = "application/problem+json"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
FIELDS_MAX = 50
_TEXT_MAX = 300

TITLES = {
    400: "The request cannot be understood",
    401: "No key that works",
    403: "The key may not do this",
    404: "Nothing here",
    405: "This cannot be done here",
    409: "Something else has happened meanwhile",
    413: "The body is too large",
    415: "The body has another form than expected",
    422: "A field is wrong",
    429: "Too many requests",
    500: "Something went wrong on our side",
    503: "Not available at the moment",
}
_DETAILS = {
    400: "The body cannot be read.",
    404: "There is nothing at this address.",
    405: "The address knows other methods: see the header Allow, and /api/openapi.json.",
    413: "The body is larger than the API takes.",
    500: "It has been written down. Trying again may help.",
    503: "Nothing was changed. Try again in a few seconds.",
}
_WRONG = "Some fields cannot be taken as they are."
_NOT_HERE = "There is nothing of yours with that id."


class ApiError(KonstructError):
    """An error with its status, for what only the API knows of. The text is shown to the caller."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None, *, reason: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.headers = dict(headers or {})
        self.reason = reason
        """A word for programs, where the status alone does not tell enough."""


class FieldsError(KonstructError):
    """Fields that a service did not take, each with one sentence."""

    def __init__(self, problems: Mapping[str, str], place: Literal["body", "query"] = "body") -> None:
        super().__init__(_WRONG)
        self.problems = problems
        self.place = place


def answer(request: Request, error: Exception) -> Response:
    """Return the answer for an error, without anything in it that the caller did not send or may not know."""
    headers: dict[str, str] = dict(getattr(request.state, "api_headers", {}))
    match error:
        case RequestValidationError():
            return _invalid(error, headers)
        case FieldsError():
            fields = [{"in": error.place, "field": name, "detail": text} for name, text in error.problems.items()]
            return problem(422, str(error), headers, errors=fields)
        case ApiError():
            members = {"reason": error.reason} if error.reason else {}
            return problem(error.status, str(error), headers | error.headers, **members)
        case HTTPException():
            return problem(error.status_code, _DETAILS.get(error.status_code), headers | dict(error.headers or {}))
        case NotFoundError():
            # A foreign id and one that never was look alike: the text of the error is not shown.
            return problem(404, _NOT_HERE, headers)
        case ForbiddenError():
            return problem(403, str(error), headers)
        case ConflictError():
            return problem(409, str(error), headers)
        case StorageUnavailableError():
            return problem(503, None, headers | {"Retry-After": "2"})
        case KonstructError():
            return problem(422, str(error), headers)
        case _ if isinstance(error, TRANSIENT_ERRORS):
            return problem(503, None, headers | {"Retry-After": "2"})
    return problem(500, None, headers)


def problem(status: int, detail: str | None = None, headers: Mapping[str, str] | None = None, **members: Any) -> Response:
    """Return a problem. `type` is `about:blank` always: the status says what kind it is, `detail` what about this one."""
    title = TITLES.get(status, "The request was refused")
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail or _DETAILS.get(status, title), **members}
    return Response(orjson.dumps(body), status, {**HEADERS, **(headers or {})}, MEDIA_TYPE)


def _invalid(error: RequestValidationError, headers: Mapping[str, str]) -> Response:
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return problem(400, "The body is not valid JSON.", headers)
    # Never what was sent: only where it was, and what was expected there.
    fields = [_field(each) for each in found[:FIELDS_MAX]]
    return problem(422, _WRONG, headers, errors=fields)


def _field(each: Mapping[str, Any]) -> dict[str, str]:
    place, *path = each["loc"] or ("body",)
    name = ".".join(str(part) for part in path)[:_TEXT_MAX]
    # A name may hold what no UTF-8 can.
    return {"in": str(place), "field": name.encode("utf-8", "replace").decode(), "detail": str(each["msg"])[:_TEXT_MAX]}
