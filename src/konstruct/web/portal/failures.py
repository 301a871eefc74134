"""What a page answers when something is wrong: the same few pages everywhere, in plain words."""

from __future__ import annotations

from fastapi import Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException

from konstruct.db.database import TRANSIENT_ERRORS
from konstruct.kit.errors import ConflictError, ForbiddenError, KonstructError, NotFoundError, StorageUnavailableError
from konstruct.web.portal.guard import NotSignedInError
from konstruct.web.portal.pages import HEADERS, page

_TITLES = {
    400: "That did not work",
    403: "Not allowed",
    404: "Nothing here",
    409: "Something has changed meanwhile",
    413: "That is too large",
    503: "Back in a moment",
}


async def answer(request: Request, error: Exception) -> Response:
    """Return the page, or for machines the plain answer, of an error."""
    match error:
        case NotSignedInError():
            return await _not_signed_in(request, error)
        case HTTPException():
            return await _http(request, error)
        case RequestValidationError():
            return await request_validation_exception_handler(request, error)
        case KonstructError():
            return await _failed(request, error)
        case _ if isinstance(error, TRANSIENT_ERRORS):
            return await _failed(request, StorageUnavailableError("Nothing was changed. Please try again in a few seconds."))
    return PlainTextResponse("Internal Server Error", status_code=500)


async def _not_signed_in(request: Request, error: NotSignedInError) -> Response:
    if request.headers.get("hx-request"):
        # A fragment cannot show the entrance: htmx goes there with the whole page.
        return Response(status_code=401, headers={**HEADERS, "HX-Redirect": "/sign-in"})
    return RedirectResponse(error.entrance, status_code=303, headers=HEADERS)


async def _failed(request: Request, error: Exception) -> Response:
    status = status_of(error)
    # A foreign id and one that never was look alike: the text of the error is not shown.
    text = "It may have been deleted, or the address has a typing mistake." if status == 404 else str(error)
    visitor = getattr(request.state, "visitor", None)
    return page("failed.html", visitor, status, title=_TITLES[status], text=text)


async def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404 and "text/html" in request.headers.get("accept", ""):
        return await _failed(request, NotFoundError(""))
    return await http_exception_handler(request, error)


def status_of(error: Exception) -> int:
    """Return the HTTP status of an error of ours."""
    match error:
        case NotFoundError():
            return 404
        case ForbiddenError():
            return 403
        case ConflictError():
            return 409
        case StorageUnavailableError():
            return 503
        case _:
            return 400
