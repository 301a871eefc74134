"""What a reader sees of a streamed message besides its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from konstruct.local.sandbox.model import Message
from konstruct.local.sandbox.slack.blocks import markdown_of
from konstruct.local.sandbox.store import SandboxStore

TASK_WORDS = {"pending": "waiting", "in_progress": "in progress", "complete": "done", "error": "failed"}


@dataclass(frozen=True, slots=True)
class StreamView:
    """How a stream looks: `live` while it is written, `broken` once it outlived its time."""

    state: Literal["live", "done", "broken"]
    ends_at: float
    """Unix second, by the real clock, at which a live one breaks."""
    plan: str | None
    tasks: Sequence[dict[str, Any]]
    hidden: bool
    """Whether it is still being written for somebody else: other readers of a channel see the end only."""


def stream_view(store: SandboxStore, message: Message, speaker_id: str) -> StreamView | None:
    """Return how a streamed message looks to a reader; None for one that is no stream."""
    stream = message.stream
    if stream is None:
        return None
    live = stream.state == "in_progress"
    words: dict[str, Literal["live", "done", "broken"]] = {"in_progress": "live", "completed": "done", "errored": "broken"}
    return StreamView(
        state=words[stream.state],
        ends_at=stream.ends_at - store.control.offset_s(),
        plan=stream.plan,
        tasks=[{**task, "words": TASK_WORDS[task["status"]]} for task in stream.tasks],
        hidden=live and stream.recipient_user_id not in (None, speaker_id),
    )


def text_stands_apart(message: Message) -> bool:
    """Return whether a message has text besides its blocks: a stream's blocks stand below what was streamed."""
    return message.stream is not None and bool(message.markdown) and markdown_of(message.blocks) != message.markdown
