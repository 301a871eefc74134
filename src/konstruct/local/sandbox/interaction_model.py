"""The nouns of interactivity: triggers, views, response addresses, and messages that one person alone sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Trigger:
    """The right to open one dialog for the person who just did something. Single use, three seconds."""

    trigger_id: str
    team_id: str
    user_id: str
    expires: float
    """Unix second."""
    view_id: str | None = None
    """The dialog it came from, if any: only there another one can be pushed on top."""
    used: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """A dialog (`modal`) or a person's Home tab (`home`)."""

    view_id: str
    team_id: str
    user_id: str
    kind: Literal["modal", "home"]
    root_id: str
    """The lowest dialog of its stack; its own id there."""
    previous_id: str | None
    hash: str
    body: dict[str, Any]
    """What the app sent, checked."""
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class ResponseUrl:
    """An address that the app may write to: five times within thirty minutes."""

    secret: str = field(repr=False)
    team_id: str
    channel_id: str
    user_id: str
    message_ts: str | None
    """The message whose button was pressed: what `replace_original` replaces. None for a command's."""
    thread_ts: str | None
    uses_left: int
    expires: float
    """Unix second."""


@dataclass(frozen=True, slots=True)
class Ephemeral:
    """A message of the app that one person alone sees, until they dismiss it."""

    channel_id: str
    ts: str
    user_id: str
    text: str
    markdown: str | None
    thread_ts: str | None = None
    blocks: tuple[dict[str, Any], ...] = ()

    @property
    def root_ts(self) -> str:
        """The thread it stands in; its own ts where it stands alone."""
        return self.thread_ts or self.ts
