"""Block Kit's elements: what a person can press, choose or fill in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from konstruct.local.sandbox.slack.kit import (
    PLAIN,
    Part,
    check_confirm,
    check_list,
    check_string,
    check_style,
    check_text,
    misfit,
    with_id,
)

BUTTON_TEXT_MAX = 75
BUTTON_VALUE_MAX = 2_000
URL_MAX = 3_000
OPTION_TEXT_MAX = 75
OPTION_VALUE_MAX = 150
PLACEHOLDER_MAX = 150
INPUT_MAX = 3_000
"""Characters that a text field takes at most."""
OPTIONS_MAX = {"static_select": 100, "radio_buttons": 10, "checkboxes": 10, "overflow": 5}

IN_ACTIONS = ("button", "static_select", "overflow", "radio_buttons", "checkboxes", "datepicker")
IN_SECTION = (*IN_ACTIONS, "image")
IN_INPUT = ("plain_text_input", "static_select", "radio_buttons", "checkboxes", "datepicker")
IN_CONTEXT_ACTIONS = ("feedback_buttons", "icon_button")


def check_element(pointer: str, value: Part, allowed: tuple[str, ...], taken: set[str]) -> Part:
    """Return an element with its action_id. `taken`: those of its block so far. Raises SlackRefusal."""
    kind = value.get("type")
    if kind not in allowed:
        raise misfit(pointer + "/type", "unsupported type: " + str(kind)[:40])
    if kind == "image":
        check_image(pointer, value)
        return value
    _CHECKS[kind](pointer, value)
    if "confirm" in value:
        check_confirm(pointer + "/confirm", value["confirm"])
    if "placeholder" in value:
        check_text(pointer + "/placeholder", value["placeholder"], PLACEHOLDER_MAX, PLAIN)
    return with_id(pointer, value, "action_id", taken)


def check_image(pointer: str, value: Part) -> None:
    """Check an image: an address (or a file of Slack's own) and what it shows. Raises SlackRefusal."""
    check_string(pointer + "/alt_text", value.get("alt_text"), 2_000)
    if "slack_file" in value:
        return
    check_string(pointer + "/image_url", value.get("image_url"), URL_MAX)
    if not value["image_url"].startswith(("http://", "https://")):
        raise misfit(pointer + "/image_url", "must be a valid URL")


def _check_button(pointer: str, value: Part) -> None:
    check_text(pointer + "/text", value.get("text"), BUTTON_TEXT_MAX, PLAIN)
    check_style(pointer, value)
    if "value" in value:
        check_string(pointer + "/value", value["value"], BUTTON_VALUE_MAX, empty=True)
    if "url" in value:
        check_string(pointer + "/url", value["url"], URL_MAX)
    if "accessibility_label" in value:
        check_string(pointer + "/accessibility_label", value["accessibility_label"], BUTTON_TEXT_MAX)


def _check_icon_button(pointer: str, value: Part) -> None:
    if value.get("icon") != "trash":
        raise misfit(pointer + "/icon", "must be one of trash")
    _check_button(pointer, value)


def _check_feedback(pointer: str, value: Part) -> None:
    for name in ("positive_button", "negative_button"):
        button = value.get(name)
        if not isinstance(button, dict):
            raise misfit(f"{pointer}/{name}", "must be an object")
        check_string(f"{pointer}/{name}/value", button.get("value"), BUTTON_VALUE_MAX)
        _check_button(f"{pointer}/{name}", button)


def _check_choice(pointer: str, value: Part) -> None:
    options = check_list(pointer + "/options", value.get("options"), OPTIONS_MAX[value["type"]])
    values = set()
    for position, option in enumerate(options):
        at = f"{pointer}/options/{position}"
        check_text(at + "/text", option.get("text"), OPTION_TEXT_MAX)
        check_string(at + "/value", option.get("value"), OPTION_VALUE_MAX)
        if option["value"] in values:
            raise misfit(at + "/value", "option values must be unique")
        values.add(option["value"])
    initial = value.get("initial_options", [value["initial_option"]] if "initial_option" in value else [])
    if not isinstance(initial, list) or any(
        not isinstance(option, dict) or option.get("value") not in values for option in initial
    ):
        raise misfit(pointer + "/initial_option", "must match one of the options")


def _check_text_input(pointer: str, value: Part) -> None:
    lengths: dict[str, Any] = {"min_length": (0, INPUT_MAX), "max_length": (1, INPUT_MAX)}
    for name, (least, most) in lengths.items():
        length = value.get(name, least)
        if isinstance(length, bool) or not isinstance(length, int) or not least <= length <= most:
            raise misfit(f"{pointer}/{name}", f"must be a number from {least} to {most}")
    if "initial_value" in value:
        check_string(pointer + "/initial_value", value["initial_value"], INPUT_MAX, empty=True)


def _check_date(pointer: str, value: Part) -> None:
    if "initial_date" in value:
        check_string(pointer + "/initial_date", value["initial_date"], 10)


_CHECKS: dict[Any, Callable[[str, Part], None]] = {
    "button": _check_button,
    "icon_button": _check_icon_button,
    "feedback_buttons": _check_feedback,
    "static_select": _check_choice,
    "overflow": _check_choice,
    "radio_buttons": _check_choice,
    "checkboxes": _check_choice,
    "plain_text_input": _check_text_input,
    "datepicker": _check_date,
}
