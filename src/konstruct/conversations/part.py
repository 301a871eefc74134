"""One visible message of a reply, as its channel will show it, and the buttons under it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from konstruct.conversations.template_use import TemplateUse, restored

Form = Literal["text", "file", "template"]
"""text: a message. file: a message whose words are an attached document. template: words that the provider approved before."""
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
    template: TemplateUse | None = None
    """Of the form "template", whose `text` is how it reads."""

    def extras(self) -> dict[str, Any]:
        """Return what a delivery keeps besides text and form: JSON, without what is as usual."""
        kept: dict[str, Any] = {}
        if self.buttons:
            kept["buttons"] = [{"id": one.id, "label": one.label, "style": one.style} for one in self.buttons]
        if self.feedback:
            kept["feedback"] = True
        if self.template is not None:
            kept["template"] = self.template.kept()
        return kept


def stored(text: str, form: Form, extras: str | Mapping[str, Any]) -> Part:
    """Return the part that was stored as this text, form and `Part.extras` (or their JSON)."""
    kept = json.loads(extras) if isinstance(extras, str) else extras
    buttons = tuple(Button(one["id"], one["label"], one["style"]) for one in kept.get("buttons", ()))
    template = restored(kept["template"]) if "template" in kept else None
    return Part(text, form, buttons, kept.get("feedback", False), template)


def with_feedback(parts: Sequence[Part]) -> list[Part]:
    """Return `parts` with the question whether they helped below the last text: nothing can stand below a file."""
    last = _last_text(parts)
    return [replace(part, feedback=True) if at == last else part for at, part in enumerate(parts)]


def with_buttons(parts: Sequence[Part], buttons: Sequence[Button]) -> list[Part]:
    """Return `parts` with `buttons` below the last text."""
    last = _last_text(parts)
    return [replace(part, buttons=tuple(buttons)) if at == last else part for at, part in enumerate(parts)]


def in_words(text: str, buttons: Sequence[Button]) -> str:
    """Return `text` with the choices that `buttons` would have been, as a numbered list: whoever reads it answers in words."""
    return "\n".join((text, "", *(f"{number}. {button.label}" for number, button in enumerate(buttons, 1))))


def _last_text(parts: Sequence[Part]) -> int:
    return max((at for at, part in enumerate(parts) if part.form == "text"), default=-1)
