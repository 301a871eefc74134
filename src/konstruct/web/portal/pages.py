"""Rendering: templates in which nothing is undefined, and the headers that every page carries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from konstruct.tenants.roles import Permission
from konstruct.tenants.sessions import Visitor
from konstruct.web.portal import wording

_FOLDER = Path(__file__).parent
STATIC = _FOLDER / "static"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""Scripts and styles come from our own files only: markup that slipped into a page could run nothing."""


def page(
    template: str, visitor: Visitor | None = None, status: int = 200, *, headers: Mapping[str, str] = HEADERS, **values: Any
) -> HTMLResponse:
    """Return a whole page. `visitor` is who is signed in; None for the entrance."""
    html = _environment().get_template(template).render(visitor=visitor, now=datetime.now(UTC), **values)
    return HTMLResponse(html, status, headers=dict(headers))


def fragment(template: str, visitor: Visitor, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a piece of a page, for htmx to put in its place."""
    return page(template, visitor, status, **values)


@cache
def asset(name: str) -> str:
    """Return the address of a file in `static`. It changes with the file, so that browsers may keep it for ever."""
    mark = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={mark}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"asset": asset, "Permission": Permission}
    environment.filters |= wording.FILTERS
    return environment
