"""The names that our own buttons and dialogs carry through a channel, and what their values say. Pure."""

from __future__ import annotations

from uuid import UUID

RATE = "konstruct_rate"
"""The two buttons that rate an answer; their values are `good.` or `bad.` and the delivery's id."""
ACT = "konstruct_act"
"""What the name of a button begins with that decides on an action; its value is `Action.button_id`."""
ASK_HUMAN = "konstruct_human"
"""Chosen from a message's menu: a human shall answer there."""
WHY = "konstruct_why"
"""The dialog that asks what was wrong with an answer; its context is the delivery's id."""
WHY_FIELD = "konstruct_why_text"


def rating_value(good: bool, delivery_id: UUID) -> str:
    """Return what a `RATE` button carries."""
    return f"{'good' if good else 'bad'}.{delivery_id}"


def rating_of(value: str) -> tuple[bool, UUID] | None:
    """Return whether a press of a `RATE` button says "good", and of which delivery; None for anything else."""
    word, _, text = value.partition(".")
    delivery_id = id_of(text)
    return (word == "good", delivery_id) if delivery_id and word in ("good", "bad") else None


def id_of(text: str) -> UUID | None:
    """Return the id that `text` is, None for anything else."""
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None
