"""The employee's page in Slack (App Home), as Slack's view. Pure."""

from __future__ import annotations

from typing import Any

from konstruct.channels.port_abilities import Home, Section
from konstruct.channels.slack import controls
from konstruct.channels.slack.safety import clean, neutralise

HEADER_MAX = 150
SECTION_MAX = 3000
BLOCKS_MAX = 100

Block = dict[str, Any]


def view(home: Home) -> dict[str, Any]:
    """Return the view to publish: within Slack's limits, and nothing in it mentions anybody."""
    blocks = [_header(home.title)]
    for section in home.sections:
        blocks += _blocks(section)
    return {"type": "home", "blocks": blocks[:BLOCKS_MAX]}


def _blocks(section: Section) -> list[Block]:
    found: list[Block] = [{"type": "divider"}, _header(section.title)]
    if text := escaped(section.text):
        found.append({"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}})
    if section.buttons:
        found.append({**controls.buttons(section.buttons), "block_id": f"home_{section.buttons[0].id}"[:255]})
    return found


def escaped(text: str) -> str:
    """Return `text` as Slack's mrkdwn shows it word for word, cut to what a section holds."""
    plain = neutralise(clean(text), frozenset()).strip()
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if len(plain) <= SECTION_MAX:
        return plain
    # An entity that the cut would split goes with it.
    cut = plain[: SECTION_MAX - 1]
    return cut[: cut.rindex("&")] + "…" if "&" in cut[-6:] and ";" not in cut[cut.rindex("&") :] else cut + "…"


def _header(text: str) -> Block:
    shown = " ".join(clean(text).split())[:HEADER_MAX] or "–"
    return {"type": "header", "text": {"type": "plain_text", "text": shown, "emoji": False}}
