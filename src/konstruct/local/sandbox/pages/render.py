"""Templates, static files and the headers of every page."""

from __future__ import annotations

import hashlib
import mimetypes
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from konstruct.local.sandbox.pages.kit import add_kit
from konstruct.web.portal.pages import STATIC

_HERE = Path(__file__).parent
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def static_files() -> dict[str, tuple[bytes, str]]:
    """Return every static file: name -> (bytes, media type). Only these are served."""
    found = {}
    # Colours and type are the portal's own: the product has one look.
    for path in sorted([*(_HERE / "static").iterdir(), STATIC / "tokens.css", STATIC / "icon.svg"], key=lambda path: path.name):
        kind = "text/javascript" if path.suffix == ".js" else mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        found[path.name] = (path.read_bytes(), kind)
    return found


@cache
def static_version() -> str:
    """Return a short hash of all static files, so that browsers may keep them until they change."""
    digest = hashlib.sha256()
    for name, (content, _) in static_files().items():
        digest.update(name.encode() + content)
    return digest.hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    add_kit(environment)
    environment.globals["version"] = static_version()
    environment.filters["iso"] = lambda seconds: datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    return environment


def fragment(template: str, **values: Any) -> str:
    """Return a template as text. Raises jinja2.UndefinedError for a value it misses."""
    return _environment().get_template(template).render(**values)


def page(template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a whole page with its strict headers."""
    return HTMLResponse(fragment(template, **values), status_code=status, headers=HEADERS)
