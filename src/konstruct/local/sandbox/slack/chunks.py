"""What one call adds to a stream: text, tasks, a plan's title, blocks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from konstruct.local.sandbox.model import Message, Stream
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.blocks import MARKDOWN_MAX, Block, check_blocks
from konstruct.local.sandbox.slack.errors import SlackRefusal

TASK_STATES = ("pending", "in_progress", "complete", "error")
BLOCKS_MAX = 50
_TASK_TEXTS = ("details", "output")


@dataclass(slots=True)
class Addition:
    """A checked payload."""

    text: str = ""
    plan: str | None = None
    tasks: list[dict[str, Any]] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether it adds nothing."""
        return not (self.text or self.plan is not None or self.tasks or self.blocks)


def read_addition(args: Arguments) -> Addition:
    """Return what `markdown_text` and `chunks` add.

    Raises SlackRefusal: invalid_chunks, msg_blocks_too_long above 12,000 characters of text, those of blocks.
    """
    found = Addition(text=args.text("markdown_text"))
    chunks = args.structure("chunks", "invalid_chunks")
    if chunks is not None and not isinstance(chunks, list):
        raise SlackRefusal("invalid_chunks")
    for position, chunk in enumerate(chunks or ()):
        _read_chunk(found, position, chunk)
    if len(found.text) > MARKDOWN_MAX:
        raise SlackRefusal("msg_blocks_too_long")
    return found


def _read_chunk(found: Addition, position: int, chunk: Any) -> None:
    kind = chunk.get("type") if isinstance(chunk, dict) else None
    if kind == "markdown_text":
        found.text += _string(position, chunk, "text")
    elif kind == "plan_update":
        found.plan = _string(position, chunk, "title")
    elif kind == "task_update":
        found.tasks.append(_task(position, chunk))
    elif kind == "blocks" and isinstance(chunk.get("blocks"), list):
        found.blocks += check_blocks(chunk["blocks"])
    else:
        raise _invalid(position, "unsupported type: " + str(kind)[:40])


def _task(position: int, chunk: dict[str, Any]) -> dict[str, Any]:
    task = {name: _string(position, chunk, name) for name in ("id", "title")}
    if chunk.get("status") not in TASK_STATES:
        raise _invalid(position, "status must be one of " + ", ".join(TASK_STATES))
    texts = {name: _string(position, chunk, name) for name in _TASK_TEXTS if chunk.get(name) is not None}
    sources = chunk.get("sources")
    if sources is not None and not (isinstance(sources, list) and all(_is_source(each) for each in sources)):
        raise _invalid(position, "sources must be url elements with url and text")
    return {**task, "status": chunk["status"], **texts, **({"sources": sources} if sources else {})}


def _is_source(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "url" and all(isinstance(value.get(n), str) for n in ("url", "text"))


def _string(position: int, chunk: dict[str, Any], name: str) -> str:
    value = chunk.get(name)
    if not isinstance(value, str) or not value:
        raise _invalid(position, f"{name} must be a non-empty string")
    return value


def _invalid(position: int, message: str) -> SlackRefusal:
    return SlackRefusal("invalid_chunks", f"[ERROR] {message} [json-pointer:/chunks/{position}]")


def added(message: Message, stream: Stream, addition: Addition) -> Message:
    """Return a streamed message with an addition. A task's update replaces what it set; what it leaves out stays.

    Raises SlackRefusal msg_blocks_too_many above 50 blocks.
    """
    tasks = {task["id"]: task for task in stream.tasks}
    for task in addition.tasks:
        tasks[task["id"]] = {**tasks.get(task["id"], {}), **task}
    blocks = (*message.blocks, *addition.blocks)
    if len(blocks) > BLOCKS_MAX:
        raise SlackRefusal("msg_blocks_too_many")
    text = (message.markdown or "") + addition.text
    plan = stream.plan if addition.plan is None else addition.plan
    return replace(
        message, text=text, markdown=text, blocks=blocks, stream=replace(stream, tasks=tuple(tasks.values()), plan=plan)
    )
