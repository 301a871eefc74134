"""What a message of the app may hold: text, markdown, blocks, metadata."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.blocks import MARKDOWN_MAX, Block, check_blocks, markdown_of
from konstruct.local.sandbox.slack.errors import SlackRefusal

TEXT_MAX = 40_000
"""Slack truncates a longer `text`; a fake that did so would hide the loss, so it is refused as too long."""
UPDATE_TEXT_MAX = 4_000
"""chat.update refuses a longer `text`."""
METADATA_MAX = 16 * 1024
"""Bytes of metadata as JSON."""
_EVENT_TYPE = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


@dataclass(frozen=True, slots=True)
class Content:
    """A message's checked content."""

    text: str
    markdown: str | None
    blocks: tuple[Block, ...]
    metadata: dict[str, Any] | None


def read_content(args: Arguments, text_max: int = TEXT_MAX) -> Content:
    """Return what the call wants to show.

    Raises SlackRefusal: no_text, msg_too_long, markdown_text_conflict, those of blocks and of metadata.
    """
    text, markdown = args.text("text"), args.text("markdown_text")
    blocks = check_blocks(args.structure("blocks", "invalid_blocks_format"))
    if markdown and (text or blocks):
        raise SlackRefusal("markdown_text_conflict")
    if not (text.strip() or markdown.strip() or blocks):
        raise SlackRefusal("no_text")
    if len(text) > text_max or len(markdown) > MARKDOWN_MAX:
        raise SlackRefusal("msg_too_long")
    metadata = read_metadata(args.structure("metadata", "invalid_metadata_format"))
    shown = markdown or markdown_of(blocks)
    return Content(text or shown or "", shown, blocks, metadata)


def read_metadata(value: Any) -> dict[str, Any] | None:
    """Return metadata as it came; None for an empty object, which takes metadata away.

    Raises SlackRefusal: invalid_metadata_format, metadata_too_large.
    """
    if value is None or value == {}:
        return None
    if not isinstance(value, dict) or set(value) - {"event_type", "event_payload", "entities"}:
        raise SlackRefusal("invalid_metadata_format")
    kind, payload = value.get("event_type"), value.get("event_payload")
    if not isinstance(kind, str) or not _EVENT_TYPE.fullmatch(kind) or not isinstance(payload, dict):
        raise SlackRefusal("invalid_metadata_format")
    if len(json.dumps(value)) > METADATA_MAX:
        raise SlackRefusal("metadata_too_large")
    return value
