"""What a template asks for, and what a message fills in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from konstruct.local.sandbox.meta.errors import GraphError, invalid
from konstruct.local.sandbox.meta.fields import Fields, Obj
from konstruct.local.sandbox.meta.model import Template

BODY_MAX, HEADER_MAX, FOOTER_MAX = 1024, 60, 60
_SLOT = re.compile(r"\{\{\s*([A-Za-z0-9_]+)\s*\}\}")
_MEDIA = ("IMAGE", "VIDEO", "DOCUMENT")


@dataclass(frozen=True, slots=True)
class TemplateCall:
    """A template as a message uses it."""

    name: str
    language: str
    components: tuple[Obj, ...]


def read_call(body: Obj) -> TemplateCall:
    """Return what a message of type template asks for. Raises GraphError."""
    fields = Fields(body, "", " ".join(body)).object("template", "name language components namespace")
    language = fields.object("language", "code policy")
    if language.value.get("policy") not in (None, "deterministic"):
        raise invalid("template['language']['policy']", "must be one of {DETERMINISTIC}.")
    components = fields.value.get("components", [])
    if not isinstance(components, list) or not all(isinstance(each, dict) for each in components):
        raise invalid("template['components']", "must be an array of objects.")
    return TemplateCall(fields.text("name", 512), language.text("code", 20), tuple(components))


def slots(text: str) -> list[str]:
    """Return the names of the parameters of a text, each once, in order."""
    return list(dict.fromkeys(_SLOT.findall(text)))


def component(template: Template, kind: str) -> Obj | None:
    """Return a component of a template, or None."""
    return next((each for each in template.components if str(each.get("type", "")).upper() == kind), None)


def buttons_of(template: Template) -> list[Obj]:
    """Return the buttons of a template."""
    found = component(template, "BUTTONS")
    return list(found.get("buttons", [])) if found else []


def fill(template: Template, call: TemplateCall) -> Obj:
    """Return the message as it is shown. Raises GraphError 132000, 132005, 132012."""
    given = _given(call)
    header, body = component(template, "HEADER"), component(template, "BODY")
    footer = component(template, "FOOTER")
    filled_body = _filled(str(body.get("text", "")) if body else "", given.get("body", []), "body")
    if len(filled_body) > 4 * BODY_MAX:
        raise GraphError(132005)
    head, form = "", str(header.get("format", "TEXT")) if header else ""
    media = None
    if header and form == "TEXT":
        head = _filled(str(header.get("text", "")), given.get("header", []), "header")
    elif header and form in _MEDIA:
        media = _media(form.lower(), given.get("header", []))
    elif given.get("header"):
        raise GraphError(132000, "header: the template has none, the message brings parameters")
    return {
        "template": template.name,
        "header": head,
        "media": media,
        "body": filled_body,
        "footer": str(footer.get("text", "")) if footer else "",
        "buttons": _buttons(template, call),
    }


def _given(call: TemplateCall) -> dict[str, list[Obj]]:
    given: dict[str, list[Obj]] = {}
    for each in call.components:
        kind = str(each.get("type", "")).lower()
        if kind not in ("header", "body", "button"):
            raise invalid("template['components']['type']", "must be one of {HEADER, BODY, BUTTON}.")
        parameters = each.get("parameters", [])
        if not isinstance(parameters, list) or not all(isinstance(one, dict) for one in parameters):
            raise invalid("template['components']['parameters']", "must be an array of objects.")
        if kind != "button":
            given[kind] = parameters
    return given


def _filled(text: str, parameters: list[Obj], where: str) -> str:
    names = slots(text)
    if len(names) != len(parameters):
        raise GraphError(132000, f"{where}: number of localizable_params ({len(parameters)}) does not match ({len(names)})")
    values = {name: _value(parameter, where) for name, parameter in zip(names, parameters, strict=True)}
    return _SLOT.sub(lambda found: values[found.group(1)], text)


def _value(parameter: Obj, where: str) -> str:
    if parameter.get("type") != "text":
        raise GraphError(132012, f"{where}: a parameter of type text is expected")
    value = parameter.get("text")
    if not isinstance(value, str) or not value.strip():
        raise GraphError(131008, f"{where}: Parameter of type text is missing text value")
    if re.search(r"\n|\t| {5,}", value):
        raise GraphError(132012, "Param text cannot have new-line/tab characters or more than 4 consecutive spaces")
    return value


def _media(form: str, parameters: list[Obj]) -> Obj:
    if len(parameters) != 1 or parameters[0].get("type") != form:
        raise GraphError(132012, f"header: Format mismatch, expected {form.upper()}")
    source: Any = parameters[0].get(form)
    if not isinstance(source, dict) or bool(source.get("id")) == bool(source.get("link")):
        raise GraphError(132012, f"header: {form} needs an id or a link")
    return {"form": form, **source}


def _buttons(template: Template, call: TemplateCall) -> list[Obj]:
    """Return the buttons as they are shown, each with what a press brings back."""
    named = {str(each.get("index")): each for each in call.components if str(each.get("type", "")).lower() == "button"}
    shown = []
    for at, button in enumerate(buttons_of(template)):
        given = named.pop(str(at), None)
        parameters: list[Obj] = given.get("parameters", []) if given else []
        shown.append(_button(button, at, parameters))
    if named:
        raise GraphError(132000, f"buttons: the template has no button of index {min(named)}")
    return shown


def _button(button: Obj, at: int, parameters: list[Obj]) -> Obj:
    kind, text = str(button.get("type", "")).upper(), str(button.get("text", ""))
    if kind == "QUICK_REPLY":
        payload = parameters[0].get("payload") if parameters else text
        if not isinstance(payload, str) or len(payload) > 256:
            raise GraphError(132012, f"buttons: the payload of button {at} is no text of up to 256 characters")
        return {"kind": "reply", "text": text, "payload": payload}
    if kind == "URL":
        url = str(button.get("url", ""))
        wanted = slots(url)
        if len(parameters) != len(wanted):
            raise GraphError(132000, f"buttons: button {at} has {len(wanted)} parameters, the message brings {len(parameters)}")
        return {"kind": "url", "text": text, "url": _filled(url, parameters, "button") if wanted else url}
    if parameters:
        raise GraphError(132000, f"buttons: button {at} takes no parameter")
    return {"kind": "call", "text": text, "number": str(button.get("phone_number", ""))}
