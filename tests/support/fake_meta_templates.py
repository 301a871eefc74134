"""Templates as the fake Graph API takes them in a message: approved ones, with as many parameters as they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.fake_meta_errors import invalid, refuse

if TYPE_CHECKING:
    from tests.support.fake_meta import FakeMeta

TEXT_MAX = 1024
_REFUSED = {
    "PAUSED": (132015, "Template is paused"),
    "DISABLED": (132016, "Template is disabled"),
}


def check(meta: FakeMeta, waba_id: str, content: dict[str, Any]) -> None:
    """Raise GraphRefusal unless the account has such an approved template, and it is filled in."""
    if not {"name", "language"} <= set(content) <= {"name", "language", "components"}:
        raise invalid("Param template needs name and language")
    language = content["language"]
    if not isinstance(language, dict) or not {"code"} <= set(language) <= {"code", "policy"}:
        raise invalid("Param template['language']['code'] is required")
    template = meta.templates.get((waba_id, content["name"], language["code"]))
    if template is None:
        raise refuse(132001, "Template name does not exist in the translation", status=404)
    status = template.get("status", "APPROVED")
    if status in _REFUSED:
        code, words = _REFUSED[status]
        raise refuse(code, words)
    if status != "APPROVED":
        raise refuse(132001, "Template name does not exist in the translation", status=404)
    given = {"header": 0, "body": 0}
    buttons: dict[str, int] = {}
    for component in content.get("components", []):
        kind, parameters = component.get("type"), component.get("parameters", [])
        _check_parameters(parameters)
        if kind in given:
            given[kind] += len(parameters)
        elif kind == "button" and component.get("sub_type") in ("url", "quick_reply"):
            buttons[str(component["index"])] = len(parameters)
        else:
            raise invalid("Param template['components'] has an unexpected type")
    wanted = {"header": template.get("header", 0), "body": template.get("body", 0)}
    if given != wanted or set(buttons) != {str(index) for index in template.get("buttons", ())}:
        raise refuse(132000, "Number of parameters does not match the expected number of params")


def _check_parameters(parameters: list[dict[str, Any]]) -> None:
    for parameter in parameters:
        if set(parameter) != {"type", "text"} or parameter["type"] != "text":
            raise refuse(132012, "Parameter format does not match format in the created template")
        text = parameter["text"]
        if not isinstance(text, str) or not text or len(text) > TEXT_MAX:
            raise refuse(132005, "Translated text too long")
        if "\n" in text or "\t" in text or "     " in text:
            raise refuse(132012, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
