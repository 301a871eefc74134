"""Reads an object of a request's body field by field, as strictly as the Cloud API does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from konstruct.local.sandbox.meta.errors import GraphError, invalid, missing, too_long

Obj = dict[str, Any]


class Fields:
    """One object. `name` is how errors call it, such as `interactive['body']`."""

    def __init__(self, value: Any, name: str, allowed: str) -> None:
        """Raises GraphError for anything but an object, and for a key that is not among `allowed` (in words)."""
        if not isinstance(value, dict):
            raise invalid(name or "body", "must be a JSON object.")
        self.value: Mapping[str, Any] = value
        self._name = name
        for key in value:
            if key not in allowed.split():
                words = f'(#100) Unexpected key "{key}" on param "{name}".'
                raise GraphError(100, words.removeprefix("(#100) "), message=words)

    def called(self, key: str) -> str:
        """Return how errors call a field of this object."""
        return f"{self._name}['{key}']" if self._name else key

    def text(self, key: str, most: int, *, optional: bool = False) -> str:
        """Return a text of 1 to `most` characters, or "" for one that is optional and missing."""
        value = self.value.get(key)
        if value is None and optional:
            return ""
        if value is None or value == "":
            raise missing(self.called(key))
        if not isinstance(value, str):
            raise invalid(self.called(key), "must be a string.")
        if not value.strip():
            raise invalid(self.called(key), "must not be blank.")
        if len(value) > most:
            raise too_long(self.called(key), most)
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean; False where it is missing."""
        value = self.value.get(key, False)
        if not isinstance(value, bool):
            raise invalid(self.called(key), "must be a boolean.")
        return value

    def number(self, key: str) -> float:
        """Return a number."""
        value = self.value.get(key)
        if value is None:
            raise missing(self.called(key))
        try:
            return float(value)
        except (TypeError, ValueError):
            raise invalid(self.called(key), "must be a number.") from None

    def one_of(self, key: str, words: str) -> str:
        """Return a text that is one of `words`."""
        value = self.text(key, 100)
        if value not in words.split():
            raise invalid(self.called(key), f"must be one of {{{', '.join(words.split()).upper()}}}.")
        return value

    def object(self, key: str, allowed: str) -> Fields:
        """Return an object."""
        if self.value.get(key) is None:
            raise missing(self.called(key))
        return Fields(self.value[key], self.called(key), allowed)

    def list(self, key: str, least: int, most: int) -> list[Any]:
        """Return a list of `least` to `most` members."""
        value = self.value.get(key)
        if value is None:
            raise missing(self.called(key))
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise invalid(self.called(key), f"must have {least} to {most} members.")
        return value


def unique(values: list[str], name: str) -> None:
    """Raise GraphError where a value stands twice."""
    if len(set(values)) != len(values):
        raise invalid(name, "must be unique.")


Checker = Callable[[Fields], Obj]
