"""`/{waba}/message_templates`: list, make, change and delete message templates."""

from __future__ import annotations

import re
from typing import Any

from konstruct.local.sandbox.meta.calls import Answer, GraphCall, chosen, page_of
from konstruct.local.sandbox.meta.errors import GraphError, invalid, missing, unknown_object
from konstruct.local.sandbox.meta.fields import Fields, Obj
from konstruct.local.sandbox.meta.model import Template, new_id
from konstruct.local.sandbox.meta.template_forms import BODY_MAX, FOOTER_MAX, HEADER_MAX, slots

_NAME = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z]{2,3})?", re.ASCII)
_ALLOWED = "name language category components parameter_format allow_category_change message_send_ttl_seconds"
_DEFAULT = "name,parameter_format,components,language,status,category,id"
_FORMATS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
BUTTONS_MAX, BUTTON_TEXT_MAX = 10, 25
_LIMITS = {"HEADER": HEADER_MAX, "BODY": BODY_MAX, "FOOTER": FOOTER_MAX}


def listed(call: GraphCall) -> Answer:
    """Return the templates of a business account, filtered by `status`, `name`, `language` or `category`."""
    account = call.account()
    wanted = {name: str(call.values[name]) for name in ("status", "name", "language", "category") if call.values.get(name)}
    found = [
        template
        for template in call.meta.store.templates.of_account(account.waba_id)
        if all(str(getattr(template, name)).lower() == value.lower() for name, value in wanted.items())
    ]
    return page_of([chosen(call, template_fields(template), _DEFAULT) for template in found], call)


def template_fields(template: Template) -> Answer:
    """Return everything that the Graph API tells of a template."""
    return {
        "id": template.template_id,
        "name": template.name,
        "language": template.language,
        "category": template.category,
        "previous_category": None,
        "status": template.status,
        "components": list(template.components),
        "parameter_format": "POSITIONAL",
        "rejected_reason": template.reason,
        "quality_score": {"score": template.quality},
    }


def show(call: GraphCall) -> Answer:
    """Return one template."""
    return chosen(call, template_fields(_own(call)), _DEFAULT)


def make(call: GraphCall) -> Answer:
    """Submit a template: Meta looks at it, and the control panel says what comes of that."""
    account = call.account()
    fields = Fields(call.values, "", _ALLOWED)
    name, language = fields.text("name", 512), fields.text("language", 20)
    if not _NAME.fullmatch(name):
        raise invalid("name", "may only have lower case letters, digits and underscores.")
    if not _LANGUAGE.fullmatch(language):
        raise invalid("language", "is no known language.")
    category = fields.text("category", 20).upper()
    if category not in ("MARKETING", "UTILITY", "AUTHENTICATION"):
        raise invalid("category", "must be one of {AUTHENTICATION, MARKETING, UTILITY}.")
    components = check_components(fields.list("components", 1, 10))
    made = Template(new_id(), account.waba_id, name, language, category, "PENDING", tuple(components))
    if not call.meta.store.templates.add(made):
        raise GraphError(2388012, message="Message template already exists in this language")
    return {"id": made.template_id, "status": made.status, "category": made.category}


def change(call: GraphCall) -> Answer:
    """Change a template: it is looked at again."""
    template = _own(call)
    fields = Fields(call.values, "", "category components")
    components = check_components(fields.list("components", 1, 10))
    call.meta.store.templates.change(template, components=components, status="PENDING", reason="NONE")
    return {"success": True}


def delete(call: GraphCall) -> Answer:
    """Delete a template by name, in all its languages or by its id as well."""
    account, name = call.account(), str(call.values.get("name") or "")
    if not name:
        raise missing("name")
    if not call.meta.store.templates.remove(account.waba_id, name, call.values.get("hsm_id")):
        raise GraphError(100, "", message="(#100) Message template not found", subcode=2593002)
    return {"success": True}


def _own(call: GraphCall) -> Template:
    template, token = call.meta.store.templates.get(call.path[0]), call.token()
    if template is None or template.waba_id != token.waba_id:
        raise unknown_object(call.path[0], call.method.lower())
    return template


def check_components(values: list[Any]) -> list[Obj]:
    """Return the components of a template. Raises GraphError."""
    kinds = []
    for value in values:
        fields = Fields(
            value, "components", "type format text example buttons add_security_recommendation code_expiration_minutes"
        )
        kind = fields.text("type", 20).upper()
        kinds.append(kind)
        if kind == "BUTTONS":
            _check_buttons(fields)
        elif kind in _LIMITS:
            _check_text(fields, kind)
        else:
            raise invalid("components['type']", "must be one of {BODY, BUTTONS, FOOTER, HEADER}.")
    if "BODY" not in kinds or len(set(kinds)) != len(kinds):
        raise invalid("components", "must have one BODY, and each of the others once at most.")
    return [dict(value) for value in values]


def _check_text(fields: Fields, kind: str) -> None:
    form = str(fields.value.get("format", "TEXT")).upper()
    if form not in _FORMATS:
        raise invalid("components['format']", "must be one of {DOCUMENT, IMAGE, LOCATION, TEXT, VIDEO}.")
    if kind == "HEADER" and form != "TEXT":
        return
    text = fields.text("text", 10 * _LIMITS[kind])
    if len(text) > _LIMITS[kind]:
        raise GraphError(2388040, message=f"Template {kind} text exceeds {_LIMITS[kind]} characters")
    names = slots(text)
    if kind == "FOOTER" and names:
        raise invalid("components['text']", "of a footer takes no parameters.")
    if kind == "HEADER" and len(names) > 1:
        raise invalid("components['text']", "of a header takes one parameter at most.")
    stripped = text.strip()
    if names and (stripped.startswith("{{") or stripped.endswith("}}")):
        raise GraphError(2388293, message="Variables can't be at the start or end of the template.")
    if names and not fields.value.get("example"):
        raise invalid("components['example']", "is needed: a template with parameters shows what they may be.")


def _check_buttons(fields: Fields) -> None:
    for value in fields.list("buttons", 1, BUTTONS_MAX):
        button = Fields(value, "components['buttons']", "type text url phone_number example otp_type")
        kind = button.text("type", 20).upper()
        if kind not in ("QUICK_REPLY", "URL", "PHONE_NUMBER", "OTP"):
            raise invalid("components['buttons']['type']", "must be one of {OTP, PHONE_NUMBER, QUICK_REPLY, URL}.")
        button.text("text", BUTTON_TEXT_MAX)
        if kind == "URL":
            button.text("url", 2000)
        if kind == "PHONE_NUMBER":
            button.text("phone_number", 20)
