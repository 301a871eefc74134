"""Slack's forms: what a verified body of interactivity or of a command says, as values of the channel port. Pure.

Slack does not deliver all of them again, and a press may be delivered twice: the key of each event is made of what names
the act (the button, the message or view it stands in, who, and Slack's own time of it), never of the delivery.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_abilities import FormRead
from konstruct.channels.port_events import Commanded, Pressed, Submitted
from konstruct.channels.slack import payload
from konstruct.kit.text import storable

FIELDS_MAX = 100
ACTIONS_MAX = 10
VALUES_MAX = 50
VALUE_MAX = 4000
URL_MAX = 1000
_NO_OPTIONS = FormRead((Ignored("no list of ours is filled from outside"),), b'{"options": []}', "application/json")

Payload = dict[str, Any]


def parse(body: bytes) -> FormRead:
    """Return what the form in `body` says, and what Slack needs to hear at once.

    Raises ValueError, without content in its text, for a body that is not in Slack's form.
    """
    fields = _fields(body)
    if fields.get("ssl_check") == "1":
        return FormRead((Ignored("a check of the certificate"),))
    if "payload" in fields:
        return _interaction(payload.load(fields["payload"].encode("utf-8", "surrogatepass")), body)
    if "command" in fields:
        return FormRead((_commanded(fields, body),))
    raise ValueError("the form has neither a payload nor a command")


def is_check(body: bytes) -> bool:
    """Return whether `body` only asks whether somebody answers here: nothing in it needs to be believed."""
    try:
        return len(body) <= URL_MAX and _fields(body).get("ssl_check") == "1"
    except ValueError:
        return False


def _fields(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="surrogateescape")
    except ValueError:
        raise ValueError("the body is not a form") from None
    # Of a field that stands there twice the first counts: Slack sends none twice.
    return dict(reversed(pairs))


def _interaction(data: Payload, body: bytes) -> FormRead:
    kind = data.get("type")
    if not isinstance(kind, str):
        raise ValueError("type is missing or not text")
    if kind == "block_suggestion":
        return _NO_OPTIONS
    reader = _READERS.get(kind)
    return FormRead(reader(data, body)) if reader else FormRead((Ignored("an interaction without work for us"),))


def _pressed(data: Payload, body: bytes) -> Sequence[Inbound]:
    pressed = [_press(data, action, body) for action in payload.items(data, "actions")[:ACTIONS_MAX]]
    return pressed or (Ignored("nothing was pressed"),)


def _press(data: Payload, action: Payload, body: bytes) -> Pressed:
    container, message = payload.mapping(data, "container"), payload.mapping(data, "message")
    channel = payload.identifier(payload.mapping(data, "channel"), "id") or payload.identifier(container, "channel_id")
    shown = _ts(container, "message_ts") or _ts(message, "ts")
    at = _ts(action, "action_ts")
    name, value = _short(action, "action_id"), _value(action)
    place = (channel, shown, payload.identifier(payload.mapping(data, "view"), "id"), _short(action, "block_id"))
    return Pressed(
        **_names(data, "pressed", *place, name, value, at or _otherwise(data, body)),
        person_id=_person(data),
        channel_id=channel,
        thread_id=_ts(message, "thread_ts") or _ts(container, "thread_ts"),
        external_id=shown,
        action=name,
        value=value,
        at=payload.moment(at).timestamp() if at else 0.0,
        reply_url=_url(data),
        trigger=_trigger(data),
    )


def _chosen(data: Payload, body: bytes) -> Sequence[Inbound]:
    """A shortcut: of a message, whose menu it was chosen from, or of none."""
    message = payload.mapping(data, "message")
    name, shown = _short(data, "callback_id"), _ts(data, "message_ts") or _ts(message, "ts")
    channel = payload.identifier(payload.mapping(data, "channel"), "id")
    at = _ts(data, "action_ts")
    return (
        Pressed(
            **_names(data, "chosen", channel, shown, name, at or _otherwise(data, body)),
            person_id=_person(data),
            channel_id=channel,
            thread_id=_ts(message, "thread_ts") or shown,
            external_id=shown,
            action=name,
            value="",
            at=payload.moment(at).timestamp() if at else 0.0,
            reply_url=_url(data),
            trigger=_trigger(data),
        ),
    )


def _submitted(data: Payload, body: bytes) -> Sequence[Inbound]:
    view = payload.mapping(data, "view")
    view_id, version = payload.identifier(view, "id"), _short(view, "hash")
    return (
        Submitted(
            **_names(data, "submitted", view_id, version or _otherwise(data, body)),
            person_id=_person(data),
            dialog=_short(view, "callback_id"),
            context=_short(view, "private_metadata", 3000),
            values=_values(view),
        ),
    )


def _commanded(fields: dict[str, str], body: bytes) -> Commanded:
    data: Payload = dict(fields)
    whole = {
        **data,
        "team": {"id": data.get("team_id")},
        "enterprise": {"id": data.get("enterprise_id")},
        "user": {"id": data.get("user_id")},
    }
    return Commanded(
        **_names(whole, "commanded", _otherwise(data, body)),
        person_id=_person(whole),
        channel_id=payload.need_identifier(data, "channel_id"),
        command=_short(data, "command"),
        text=_short(data, "text", VALUE_MAX),
        reply_url=_url(data),
        trigger=_trigger(data),
    )


_READERS: dict[str, Callable[[Payload, bytes], Sequence[Inbound]]] = {
    "block_actions": _pressed,
    "message_action": _chosen,
    "shortcut": _chosen,
    "view_submission": _submitted,
}


def _names(data: Payload, act: str, *parts: str | None) -> dict[str, Any]:
    """Return what routes and names an event."""
    account, person = _account_key(data), _person(data)
    # Where the delivery does not say which app it is for: it is signed with our app's secret.
    app_id = None if data.get("api_app_id") is None else payload.need_identifier(data, "api_app_id")
    named = "\x1f".join((account, person, *(part or "" for part in parts)))
    digest = hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:40]
    return {"account_key": account, "app_id": app_id, "event_key": f"slack:{app_id or ''}:{act}:{digest}"}


def _account_key(data: Payload) -> str:
    """The installation: the organisation where all of it was installed, else the workspace.

    A view names the workspace that the app is installed in; in a shared channel `team` may be the other side's.
    """
    if data.get("is_enterprise_install") in (True, "true"):
        return payload.need_identifier(payload.mapping(data, "enterprise"), "id")
    installed = payload.identifier(payload.mapping(data, "view"), "app_installed_team_id")
    return installed or payload.need_identifier(payload.mapping(data, "team"), "id")


def _person(data: Payload) -> str:
    return payload.need_identifier(payload.mapping(data, "user"), "id")


def _otherwise(data: Payload, body: bytes) -> str:
    """What names an act of which Slack gives no time: its trigger, else every byte of it."""
    return _trigger(data) or hashlib.sha256(body).hexdigest()


def _values(view: Payload) -> dict[str, str]:
    """Return what was filled in, by the names of the fields."""
    found: dict[str, str] = {}
    for block in payload.mapping(payload.mapping(view, "state"), "values").values():
        if isinstance(block, dict):
            for name, element in block.items():
                if isinstance(element, dict) and len(found) < VALUES_MAX and len(name) <= 255:
                    found[storable(name)] = _value(element)
    return found


def _value(element: Payload) -> str:
    """Return what a button carries, or what was chosen or typed."""
    return _short(element, "value", VALUE_MAX) or _short(payload.mapping(element, "selected_option"), "value", VALUE_MAX)


def _short(data: Payload, name: str, most: int = 255) -> str:
    value = data.get(name)
    return storable(value[:most]) if isinstance(value, str) else ""


def _ts(data: Payload, name: str) -> str | None:
    """Return a message's time; None for anything else: an interaction with one that is odd is still one."""
    try:
        return payload.timestamp(data, name)
    except ValueError:
        return None


def _trigger(data: Payload) -> str | None:
    value = data.get("trigger_id")
    return value if isinstance(value, str) and 0 < len(value) <= 255 and value.isascii() and value.isprintable() else None


def _url(data: Payload) -> str | None:
    value = data.get("response_url")
    return value if isinstance(value, str) and len(value) <= URL_MAX and value.isascii() and value.isprintable() else None
