"""Templates as the fake Graph API lists them and takes them in a message: approved ones, with as many parameters as they have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.fake_meta_errors import Reply, bad_token, gone, invalid, refuse

if TYPE_CHECKING:
    from tests.support.fake_meta import Call, FakeMeta

TEXT_MAX = 1024
_REFUSED = {
    "PAUSED": (132015, "Template is paused"),
    "DISABLED": (132016, "Template is disabled"),
}


def answer(meta: FakeMeta, call: Call) -> Reply | None:
    """List the templates of a business account, in pages."""
    if call.verb != "GET" or call.path[1:] != ("message_templates",):
        return None
    mine = [number for number in meta.numbers if number.token == call.token]
    if not mine:
        raise bad_token()
    waba_id = call.path[0]
    if all(number.waba_id != waba_id for number in mine):
        raise gone(waba_id)
    listed = [described(key, kept) for key, kept in sorted(meta.templates.items()) if key[0] == waba_id]
    limit, begin = int(call.query.get("limit", "25")), int(call.query.get("after", "0"))
    wanted = {"id", *call.query.get("fields", "name,status,category,language,components").split(",")}
    end = begin + limit
    paging: dict[str, Any] = {"cursors": {"before": str(begin), "after": str(end)}}
    if end < len(listed):
        paging["next"] = f"{meta.url}{waba_id}/message_templates?after={end}"
    return {"data": [{k: v for k, v in one.items() if k in wanted} for one in listed[begin:end]], "paging": paging}


def described(key: tuple[str, str, str], kept: dict[str, Any]) -> dict[str, Any]:
    """Return a template as Meta describes it; what it is not said to say is made up from how many parameters it has."""
    _, name, language = key
    return {
        "id": str(kept.get("id", 1000 + sum(map(ord, name + language)))),
        "name": name,
        "language": language,
        "status": kept.get("status", "APPROVED"),
        "category": kept.get("category", "UTILITY"),
        "quality_score": {"score": kept.get("quality", "UNKNOWN"), "date": 1700000000},
        "rejected_reason": kept.get("reason", "NONE"),
        "parameter_format": "NAMED" if kept.get("named") else "POSITIONAL",
        "components": kept.get("components") or _components(name, kept),
    }


def _components(name: str, kept: dict[str, Any]) -> list[dict[str, Any]]:
    def places(count: int) -> str:
        return "".join(f" {{{{{number}}}}}" for number in range(1, count + 1))

    parts: list[dict[str, Any]] = [{"type": "BODY", "text": f"This is {name}:{places(kept.get('body', 0))}."}]
    if kept.get("header"):
        parts.insert(0, {"type": "HEADER", "format": "TEXT", "text": f"News{places(kept['header'])}"})
    if kept.get("buttons"):
        at = range(max(kept["buttons"]) + 1)
        url = "https://shop.example/{{1}}"
        buttons = [{"type": "URL", "text": f"See {n}", "url": url if n in kept["buttons"] else "https://x.example"} for n in at]
        parts.append({"type": "BUTTONS", "buttons": buttons})
    return parts


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
