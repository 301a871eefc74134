"""A method's arguments, read from a request the way Slack reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from konstruct.local.sandbox.slack.errors import SlackRefusal

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_TRUE = (True, "true", "1", 1)


class Arguments:
    """Named values of one call; absent and empty are the same, as in Slack."""

    def __init__(self, values: Mapping[str, Any], token: str | None) -> None:
        self._values = values
        self.token = token

    def text(self, name: str) -> str:
        """Return a string argument, or "". Raises SlackRefusal for another type."""
        value = self._values.get(name)
        if value is None:
            return ""
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SlackRefusal("invalid_arguments", f"[ERROR] must provide a string [json-pointer:/{name}]")
        return str(value)

    def need(self, name: str) -> str:
        """Return a string argument. Raises SlackRefusal where it is missing."""
        value = self.text(name)
        if not value:
            raise SlackRefusal("invalid_arguments", f"[ERROR] missing required field: {name}")
        return value

    def given(self, name: str) -> bool:
        """Return whether the call says anything of an argument, be it that it is empty."""
        return self._values.get(name) not in (None, "")

    def flag(self, name: str) -> bool:
        """Return a boolean argument; forms spell it 1 or true."""
        return self._values.get(name) in _TRUE

    def number(self, name: str, default: int, most: int) -> int:
        """Return a whole number from 1 to `most`. Raises SlackRefusal for anything else."""
        value = self.text(name)
        if not value:
            return default
        if not value.isdecimal() or not 1 <= int(value) <= most:
            raise SlackRefusal("invalid_limit")
        return int(value)

    def structure(self, name: str, error: str) -> Any:
        """Return a structured argument (forms carry it as JSON text), or None. Raises SlackRefusal(error) for broken JSON."""
        value = self._values.get(name)
        if isinstance(value, str):
            try:
                return json.loads(value) if value else None
            except ValueError:
                raise SlackRefusal(error) from None
        return value


def read_arguments(method: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> Arguments:
    """Return the arguments of a request. Raises SlackRefusal where Slack would not read it.

    `method` is GET or POST; header names are lower case. With a JSON body the token counts in the header only, and a
    token in the address never counts: addresses end up in logs.
    """
    bearer = _bearer(headers.get("authorization", ""))
    if method == "GET":
        return Arguments(query, bearer)
    content_type, _, parameters = headers.get("content-type", "").partition(";")
    kind = content_type.strip().lower()
    if not kind and body:
        raise SlackRefusal("missing_post_type")
    if kind == JSON:
        return Arguments(_json(body), bearer)
    if kind not in ("", FORM):
        raise SlackRefusal("invalid_post_type")
    if "charset" in parameters.lower() and not parameters.lower().replace('"', "").endswith(("utf-8", "iso-8859-1")):
        raise SlackRefusal("invalid_charset")
    values = _form(body)
    return Arguments({**query, **values}, bearer or values.get("token"))


def _bearer(header: str) -> str | None:
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _json(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body)
    except ValueError:
        raise SlackRefusal("invalid_json") from None
    if not isinstance(values, dict):
        raise SlackRefusal("json_not_object")
    return values


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise SlackRefusal("invalid_form_data") from None
