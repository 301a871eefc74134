"""Errors that reach the application: the one place that decides whether a page or the API answers them."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from konstruct.db.database import TRANSIENT_ERRORS
from konstruct.kit.errors import KonstructError
from konstruct.web.api import problems
from konstruct.web.portal import failures as pages
from konstruct.web.portal.guard import NotSignedInError

API = "/api"


def add_handlers(app: FastAPI) -> None:
    """Let every error end in an answer of the kind that its address promises."""
    for kind in (KonstructError, NotSignedInError, HTTPException, RequestValidationError, *TRANSIENT_ERRORS, Exception):
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    path = request.url.path
    if path == API or path.startswith(f"{API}/"):
        return problems.answer(request, error)
    return await pages.answer(request, error)
