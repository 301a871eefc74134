"""What the templates of Block Kit call: texts as safe HTML, and blocks in the groups that they are shown in."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from konstruct.local.sandbox.pages.blocks_html import message_html
from konstruct.local.sandbox.pages.markup import Names, inline_for, plain
from konstruct.local.sandbox.slack.table_block import cell_text, rich_text

Part = dict[str, Any]
_TEXT = ("markdown", "header", "divider", "rich_text", "table")


def add_kit(environment: Environment) -> None:
    """Let the templates of an environment call these."""
    environment.globals |= {
        "as_markdown": lambda text, names: message_html(text, "markdown", names),
        "as_mrkdwn": lambda text, names: message_html(text, "mrkdwn", names),
        "as_text": as_text,
        "as_line": as_line,
        "asked": asked,
        "cell_text": cell_text,
        "chosen": chosen,
        "grouped": grouped,
        "rich": rich_text,
    }
    environment.filters["web"] = web_address


def as_text(value: Part, names: Names) -> Markup:
    """Return a text object as paragraphs."""
    if value["type"] == "plain_text":
        return Markup("<p>{}</p>").format(plain(value["text"]))
    return message_html(value["text"], "mrkdwn", names)


def as_line(value: Part, names: Names) -> Markup:
    """Return a text object as part of a line."""
    return plain(value["text"]) if value["type"] == "plain_text" else inline_for("mrkdwn", names)(value["text"])


def asked(confirm: Part) -> dict[str, str]:
    """Return what a confirm dialog says."""
    words = {name: confirm[name]["text"] for name in ("title", "text", "confirm", "deny")}
    return {**words, "style": confirm.get("style", "primary")}


def chosen(element: Part, option: Part) -> bool:
    """Return whether an option is chosen at first."""
    initial = element.get("initial_options", [element["initial_option"]] if "initial_option" in element else [])
    return any(each["value"] == option["value"] for each in initial)


def grouped(blocks: Iterable[Part]) -> list[tuple[str, list[Part]]]:
    """Return blocks in runs: neighbours that are only text stand together (`text`), every other by itself (`other`)."""
    runs: list[tuple[str, list[Part]]] = []
    for only_text, found in groupby(blocks, key=_is_text):
        members = list(found)
        runs += [("text", members)] if only_text else [("other", [block]) for block in members]
    return runs


def _is_text(block: Part) -> bool:
    return block["type"] in _TEXT or (block["type"] == "section" and "accessory" not in block)


def web_address(address: str) -> str:
    """Return an address that a link may lead to: of the web, or nowhere."""
    return address if address.startswith(("http://", "https://")) else "#"
