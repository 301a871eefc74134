"""Rendering of the operators' pages, and what they answer when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from konstruct.kit.errors import KonstructError
from konstruct.tenants.operators_repository import Operator
from konstruct.web.operator.guard import ENTRANCE, AccessNeededError, OperatorNotSignedInError
from konstruct.web.portal.failures import status_of
from konstruct.web.portal.pages import HEADERS, page

_TITLES = {404: "Nothing here", 403: "Not allowed", 409: "Something has changed meanwhile"}


class OperatorRoute(APIRoute):
    """A route whose errors end in an operator's page: a business's pages must not answer here."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See FastAPI."""
        handler = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except OperatorNotSignedInError:
                return go(ENTRANCE)
            except AccessNeededError as error:
                return _failed(request, error, access_path=f"/operator/tenants/{request.path_params['tenant_id']}/access")
            except KonstructError as error:
                return _failed(request, error)

        return guarded


def show(template: str, operator: Operator | None, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page of `templates/operator/`; `operator` None for the entrance."""
    return page(f"operator/{template}", None, status, operator=operator, **values)


def go(path: str) -> RedirectResponse:
    """Return the way on after a form was taken."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def _failed(request: Request, error: KonstructError, access_path: str = "") -> HTMLResponse:
    status = status_of(error)
    text = "There is nothing at this address." if status == 404 else str(error)
    title = _TITLES.get(status, "That did not work")
    operator = getattr(request.state, "operator", None)
    return show("failed.html", operator, status, title=title, text=text, access_path=access_path)
