"""Reading forms: text fields of a bounded size, as PostgreSQL can hold them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import Request

from konstruct.kit.errors import KonstructError
from konstruct.kit.text import storable

FORM_MAX = 512 * 1024
FIELDS_MAX = 200


class FormError(KonstructError):
    """The form cannot be read: too large, too many fields, or not a form."""


async def form_of(request: Request) -> dict[str, str]:
    """Return the fields of a form, the last value of each; for files use `request.form()`. Raises FormError."""
    return dict(await fields_of(request))


async def fields_of(request: Request) -> list[tuple[str, str]]:
    """Return the fields of a form in their order, repeated names too. Raises FormError."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_MAX:
            raise FormError(f"a form holds at most {FORM_MAX // 1024} KB")
    try:
        pairs = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise FormError("the form has too many fields") from None
    return [(name, storable(value).replace("\r\n", "\n")) for name, value in pairs]


def is_htmx(request: Request) -> bool:
    """Return whether htmx asks, which wants a fragment and not a page."""
    return request.headers.get("hx-request") == "true"
