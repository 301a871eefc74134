"""Reply buttons, lists and link buttons, with Meta's limits."""

from __future__ import annotations

from konstruct.local.sandbox.meta.errors import invalid
from konstruct.local.sandbox.meta.fields import Fields, Obj, unique

BUTTONS_MAX, BUTTON_TITLE, BUTTON_ID = 3, 20, 256
ROWS_MAX, ROW_TITLE, ROW_TEXT, ROW_ID, SECTIONS_MAX, SECTION_TITLE = 10, 24, 72, 200, 10, 24
HEADER_MAX, FOOTER_MAX, BODY_MAX, LIST_BODY_MAX = 60, 60, 1024, 4096


def check_interactive(fields: Fields) -> Obj:
    """Return an interactive message as it is shown. Raises GraphError."""
    kind = fields.one_of("type", "button list cta_url")
    body = fields.object("body", "text").text("text", LIST_BODY_MAX if kind == "list" else BODY_MAX)
    footer = fields.object("footer", "text").text("text", FOOTER_MAX) if fields.value.get("footer") is not None else ""
    header = _header(fields, kind)
    checked = {"button": _buttons, "list": _list, "cta_url": _link}[kind](fields)
    return {"kind": kind, "header": header, "body": body, "footer": footer, **checked}


def _header(fields: Fields, kind: str) -> str:
    if fields.value.get("header") is None:
        return ""
    header = fields.object("header", "type text image video document")
    form = header.one_of("type", "text" if kind == "list" else "text image video document")
    return header.text("text", HEADER_MAX) if form == "text" else f"[{form}]"


def _buttons(fields: Fields) -> Obj:
    action = fields.object("action", "buttons")
    shown = []
    for value in action.list("buttons", 1, BUTTONS_MAX):
        button = Fields(value, action.called("buttons"), "type reply")
        button.one_of("type", "reply")
        reply = button.object("reply", "id title")
        shown.append({"id": reply.text("id", BUTTON_ID), "title": reply.text("title", BUTTON_TITLE)})
    unique([each["id"] for each in shown], "interactive['action']['buttons']['reply']['id']")
    unique([each["title"] for each in shown], "interactive['action']['buttons']['reply']['title']")
    return {"buttons": shown}


def _list(fields: Fields) -> Obj:
    action = fields.object("action", "button sections")
    label = action.text("button", BUTTON_TITLE)
    sections, rows = action.list("sections", 1, SECTIONS_MAX), []
    shown = []
    for value in sections:
        section = Fields(value, action.called("sections"), "title rows")
        title = section.text("title", SECTION_TITLE, optional=len(sections) == 1)
        found = [_row(row, section.called("rows")) for row in section.list("rows", 1, ROWS_MAX)]
        rows += found
        shown.append({"title": title, "rows": found})
    if len(rows) > ROWS_MAX:
        raise invalid(action.called("sections"), f"must have at most {ROWS_MAX} rows in total.")
    unique([row["id"] for row in rows], "interactive['action']['sections']['rows']['id']")
    return {"label": label, "sections": shown}


def _row(value: object, name: str) -> Obj:
    row = Fields(value, name, "id title description")
    text = row.text("description", ROW_TEXT, optional=True)
    return {"id": row.text("id", ROW_ID), "title": row.text("title", ROW_TITLE), "description": text}


def _link(fields: Fields) -> Obj:
    action = fields.object("action", "name parameters")
    action.one_of("name", "cta_url")
    parameters = action.object("parameters", "display_text url")
    url = parameters.text("url", 2000)
    if not url.startswith(("https://", "http://")):
        raise invalid(parameters.called("url"), "must be a valid URL.")
    return {"label": parameters.text("display_text", BUTTON_TITLE), "url": url}
