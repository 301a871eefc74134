"""A template as one message uses it: which one, and what is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TemplateUse:
    """An approved template, by the name and language under which the provider knows it, with its parameters in order."""

    name: str
    language: str
    body: tuple[str, ...] = field(default=(), repr=False)
    header: tuple[str, ...] = field(default=(), repr=False)
    buttons: tuple[tuple[int, str], ...] = field(default=(), repr=False)
    """(index of the button, what is filled in) of each button that has a parameter."""
    body_names: tuple[str, ...] = ()
    """What the template calls the parameters of its body, where they have names and not numbers."""
    header_names: tuple[str, ...] = ()

    def kept(self) -> dict[str, Any]:
        """Return it as plain values, for JSON."""
        kept: dict[str, Any] = {
            "name": self.name,
            "language": self.language,
            "body": list(self.body),
            "header": list(self.header),
            "buttons": [list(one) for one in self.buttons],
        }
        if self.body_names or self.header_names:
            kept |= {"body_names": list(self.body_names), "header_names": list(self.header_names)}
        return kept


def restored(kept: Mapping[str, Any]) -> TemplateUse:
    """Return what `kept` says."""
    return TemplateUse(
        kept["name"],
        kept["language"],
        tuple(kept.get("body", ())),
        tuple(kept.get("header", ())),
        tuple((int(index), str(value)) for index, value in kept.get("buttons", ())),
        tuple(kept.get("body_names", ())),
        tuple(kept.get("header_names", ())),
    )
