"""A person presses a button or chooses something, in a message, a dialog or the Home tab."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from konstruct.kit.errors import NotFoundError
from konstruct.local.sandbox.interacting import Actor, Payload, message_place, view_place
from konstruct.local.sandbox.interaction_model import Ephemeral, View
from konstruct.local.sandbox.model import Channel, Message

Part = dict[str, Any]
SHORTCUT = "konstruct_human"
"""The callback id of the message shortcut in the app's manifest."""
GONE = "this can no longer be pressed"


async def press_in_message(
    actor: Actor, channel: Channel, message: Message | Ephemeral, block_id: str, action_id: str, value: str
) -> None:
    """Send the app a block_actions for an element of a message. `value`: of the button or the option that was chosen.

    Raises NotFoundError for an element that is not there, ConflictError where the app does not respond.
    """
    action = action_of(message.blocks, block_id, action_id, value)
    payload = {
        **actor.common("block_actions"),
        **message_place(actor.heard_in, channel, message),
        "trigger_id": actor.trigger().trigger_id,
        "response_url": actor.response_url(channel, message.ts, message.thread_ts),
        "actions": [action],
    }
    await actor.deliver(payload)


async def press_in_view(actor: Actor, view: View, block_id: str, action_id: str, value: str, values: Payload) -> None:
    """Send the app a block_actions for an element of a dialog or of the Home tab. Raises as press_in_message."""
    action = action_of(view.body["blocks"], block_id, action_id, value)
    payload = {
        **actor.common("block_actions"),
        **view_place(actor.heard_in, view, values),
        "trigger_id": actor.trigger(view).trigger_id,
        "actions": [action],
    }
    await actor.deliver(payload)


async def ask_a_person(actor: Actor, channel: Channel, message: Message) -> None:
    """Choose the app's shortcut in the menu of a message. Raises ConflictError where the app does not respond."""
    place = message_place(actor.heard_in, channel, message)
    payload = {
        **actor.common("message_action"),
        "action_ts": f"{time.time():.6f}",
        "callback_id": SHORTCUT,
        "trigger_id": actor.trigger().trigger_id,
        "response_url": actor.response_url(channel, message.ts, message.thread_ts),
        "message_ts": message.ts,
        "channel": place["channel"],
        "message": place["message"],
    }
    await actor.deliver(payload)


def action_of(blocks: Iterable[Part], block_id: str, action_id: str, value: str) -> Part:
    """Return one entry of `actions`. Raises NotFoundError where the element, or the value of it, does not exist."""
    for block in blocks:
        for element in _elements(block):
            if (block.get("block_id"), element.get("action_id")) == (block_id, action_id):
                common = {"action_id": action_id, "block_id": block_id, "type": element["type"]}
                return {**common, **_chosen(element, value), "action_ts": f"{time.time():.6f}"}
    raise NotFoundError(GONE)


def _elements(block: Part) -> Iterator[Part]:
    if "accessory" in block:
        yield block["accessory"]
    if block.get("type") in ("actions", "context_actions"):
        yield from block["elements"]


def _chosen(element: Part, value: str) -> Part:
    kind = element["type"]
    if kind == "feedback_buttons":
        for button in (element["positive_button"], element["negative_button"]):
            if button["value"] == value:
                return {"text": button["text"], "value": value}
        raise NotFoundError(GONE)
    if kind in ("button", "icon_button"):
        # A button of a page never says another value than its own.
        kept: Part = {name: element[name] for name in ("text", "value", "style", "url") if name in element}
        if str(element.get("value", "")) != value:
            raise NotFoundError(GONE)
        return kept
    if kind == "datepicker":
        return {"selected_date": value or None}
    options = [option for option in element["options"] if option["value"] in value.split("\n")]
    if not options and kind != "checkboxes":
        raise NotFoundError(GONE)
    return {"selected_options": options} if kind == "checkboxes" else {"selected_option": options[0]}
