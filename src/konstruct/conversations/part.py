"""One visible message of a reply, as its channel will show it, and the buttons under it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Form = Literal["text", "file"]
"""text: a message. file: a message whose words are an attached document."""
Style = Literal["plain", "primary", "danger"]


@dataclass(frozen=True, slots=True)
class Button:
    """A choice under a message. `id` is opaque: what a press of it means is known to our rows alone."""

    id: str
    label: str
    style: Style = "plain"


@dataclass(frozen=True, slots=True)
class Part:
    """One visible message. `feedback` asks the reader, below it, whether it helped."""

    text: str = field(repr=False)
    form: Form = "text"
    buttons: tuple[Button, ...] = ()
    feedback: bool = False

    def extras(self) -> dict[str, Any]:
        """Return what a delivery keeps besides text and form: JSON, without what is as usual."""
        kept: dict[str, Any] = {}
        if self.buttons:
            kept["buttons"] = [{"id": one.id, "label": one.label, "style": one.style} for one in self.buttons]
        if self.feedback:
            kept["feedback"] = True
        return kept


def stored(text: str, form: Form, extras: str | Mapping[str, Any]) -> Part:
    """Return the part that was stored as this text, form and `Part.extras` (or their JSON)."""
    kept = json.loads(extras) if isinstance(extras, str) else extras
    buttons = tuple(Button(one["id"], one["label"], one["style"]) for one in kept.get("buttons", ()))
    return Part(text, form, buttons, kept.get("feedback", False))


def with_feedback(parts: Sequence[Part]) -> list[Part]:
    """Return `parts` with the question whether they helped below the last text: nothing can stand below a file."""
    last = _last_text(parts)
    return [replace(part, feedback=True) if at == last else part for at, part in enumerate(parts)]


def with_buttons(parts: Sequence[Part], buttons: Sequence[Button], buttons_max: int) -> list[Part]:
    """Return `parts` with `buttons` below the last text; with more than the channel shows, as a numbered list in words."""
    last = _last_text(parts)
    if len(buttons) > buttons_max:
        choices = "\n".join(f"{number}. {button.label}" for number, button in enumerate(buttons, 1))
        return [replace(part, text=f"{part.text}\n\n{choices}") if at == last else part for at, part in enumerate(parts)]
    return [replace(part, buttons=tuple(buttons)) if at == last else part for at, part in enumerate(parts)]


def _last_text(parts: Sequence[Part]) -> int:
    return max((at for at, part in enumerate(parts) if part.form == "text"), default=-1)
