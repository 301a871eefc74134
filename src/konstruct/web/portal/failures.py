"""What a page answers when something is wrong: the same few pages everywhere, in plain words."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException

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


def add_handlers(app: FastAPI) -> None:
    """Let the errors that services raise end in a page."""
    app.add_exception_handler(NotSignedInError, _not_signed_in)
    app.add_exception_handler(KonstructError, _failed)
    app.add_exception_handler(HTTPException, _http)


async def _not_signed_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, NotSignedInError)
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


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
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
