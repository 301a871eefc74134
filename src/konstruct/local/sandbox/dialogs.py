"""A person fills in a dialog, sends it, or closes it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from konstruct.kit.errors import ConflictError
from konstruct.local.sandbox.interacting import Actor
from konstruct.local.sandbox.interaction_model import View
from konstruct.local.sandbox.sender import FormAnswer
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.view_body import check_view
from konstruct.local.sandbox.slack.views import STACK_MAX, changed_view, new_view, view_shape

Part = dict[str, Any]
Filled = Mapping[str, Sequence[str]]
"""What a form brought: field -> values. A field is called `f` and the number of its block."""
REQUIRED = "Please complete this required field."
TROUBLE = "We had some trouble connecting. Try again?"


def values_of(view: View, filled: Filled) -> Part:
    """Return the state of a view: block id -> action id -> what is filled in."""
    values: Part = {}
    for number, block in enumerate(view.body["blocks"]):
        for element in _fields(block):
            given = list(filled.get(f"f{number}", ()))
            values.setdefault(block["block_id"], {})[element["action_id"]] = _value(element, given)
    return values


def _fields(block: Part) -> list[Part]:
    if block["type"] == "input":
        return [block["element"]]
    return []


def _value(element: Part, given: list[str]) -> Part:
    kind = element["type"]
    if kind == "plain_text_input":
        text = given[0].replace("\r\n", "\n") if given else ""
        return {"type": kind, "value": text or None}
    if kind == "datepicker":
        return {"type": kind, "selected_date": given[0] if given and given[0] else None}
    chosen = [option for option in element["options"] if option["value"] in given]
    if kind == "checkboxes":
        return {"type": kind, "selected_options": chosen}
    return {"type": kind, "selected_option": chosen[0] if chosen else None}


def faults_of(view: View, values: Part) -> dict[str, str]:
    """Return what Slack's own form would not send: block id -> why."""
    found: dict[str, str] = {}
    for block in view.body["blocks"]:
        for element in _fields(block):
            value = values[block["block_id"]][element["action_id"]]
            filled = next((value[name] for name in value if name != "type"), None)
            if not filled:
                found |= {} if block.get("optional") else {block["block_id"]: REQUIRED}
            elif element["type"] == "plain_text_input" and (fault := _length_fault(element, filled)):
                found[block["block_id"]] = fault
    return found


def _length_fault(element: Part, text: str) -> str | None:
    if len(text) < element.get("min_length", 0):
        return f"Please write at least {element['min_length']} characters."
    if len(text) > element.get("max_length", 3_000):
        return f"Please write at most {element.get('max_length', 3_000)} characters."
    return None


async def submit(actor: Actor, view: View, filled: Filled) -> dict[str, str]:
    """Send a dialog to the app and do what it answers. Return what is wrong with the fields: block id -> why; {} if nothing is.

    Raises ConflictError where the app does not answer, or answers with something that Slack would not understand.
    """
    values = values_of(view, filled)
    if faults := faults_of(view, values):
        return faults
    payload = {
        **actor.common("view_submission"),
        "trigger_id": actor.trigger(view).trigger_id,
        "view": view_shape(actor.heard_in, view, values),
        "response_urls": [],
    }
    try:
        said = _read(await actor.deliver(payload))
        return _carry_out(actor, view, said)
    except (ConflictError, SlackRefusal, ValueError):
        raise ConflictError(TROUBLE) from None


def _read(answer: FormAnswer) -> Part:
    if not answer.body.strip():
        return {}
    said = json.loads(answer.body)
    if not isinstance(said, dict):
        raise ValueError("an answer is an object")
    return said


def _carry_out(actor: Actor, view: View, said: Part) -> dict[str, str]:
    store, action = actor.store.interactions, said.get("response_action")
    if action == "errors":
        errors = said.get("errors")
        inputs = {block["block_id"] for block in view.body["blocks"] if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or set(errors) - inputs:
            raise ValueError("errors name input blocks of the view")
        return {name: str(text) for name, text in errors.items()}
    if action == "update":
        store.put_view(changed_view(view, check_view(said.get("view"), "modal")))
    elif action == "push":
        if store.depth(view.root_id) >= STACK_MAX:
            raise SlackRefusal("push_limit_reached")
        store.put_view(new_view(view.team_id, view.user_id, check_view(said.get("view"), "modal"), view))
    elif action == "clear":
        store.close(view, all_of_stack=True)
    elif action is None:
        store.close(view)
    else:
        raise ValueError("no such response_action")
    return {}


async def close(actor: Actor, view: View) -> None:
    """Close a dialog (with `clear_on_close` its whole stack), and tell the app where it wants to know."""
    whole = bool(view.body["clear_on_close"])
    actor.store.interactions.close(view, all_of_stack=whole)
    if view.body["notify_on_close"]:
        payload = {**actor.common("view_closed"), "view": view_shape(actor.heard_in, view), "is_cleared": whole}
        await actor.deliver(payload)
