"""Methods: views.open, views.push, views.update, views.publish."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import replace
from typing import Any

from konstruct.local.sandbox.interaction_model import Trigger, View
from konstruct.local.sandbox.model import Workspace
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.view_body import Body, check_view

Answer = dict[str, Any]
STACK_MAX = 3
"""Dialogs on top of one another."""
_TRIGGER = re.compile(r"\d+\.\d+\.[0-9a-f]+")


def open_view(call: Call) -> Answer:
    """Open a dialog for the person behind `trigger_id`.

    Refusals: invalid_arguments, view_too_large, invalid_trigger_id, expired_trigger_id, exchanged_trigger_id,
    duplicate_external_id.
    """
    body = check_view(call.args.structure("view", "invalid_arguments"), "modal")
    call.limit()
    trigger = _exchange(call)
    _check_external(call, body)
    call.slack.store.interactions.close_dialogs(trigger.team_id, trigger.user_id)
    return _show(call, new_view(call.workspace.team_id, trigger.user_id, body))


def push_view(call: Call) -> Answer:
    """Put a dialog on top of the one that `trigger_id` came from. Refusals: as open_view, not_found, push_limit_reached."""
    body = check_view(call.args.structure("view", "invalid_arguments"), "modal")
    call.limit()
    trigger = _exchange(call)
    below = call.slack.store.interactions.view(call.workspace.team_id, trigger.view_id) if trigger.view_id else None
    if below is None or below.kind != "modal":
        raise SlackRefusal("not_found")
    if call.slack.store.interactions.depth(below.root_id) >= STACK_MAX:
        raise SlackRefusal("push_limit_reached")
    _check_external(call, body)
    return _show(call, new_view(call.workspace.team_id, trigger.user_id, body, below))


def update_view(call: Call) -> Answer:
    """Change a view that is open. Refusals: invalid_arguments, not_found, hash_conflict, duplicate_external_id."""
    view_id, external_id = call.args.text("view_id"), call.args.text("external_id")
    if bool(view_id) == bool(external_id):
        raise SlackRefusal("invalid_arguments", "[ERROR] exactly one of view_id and external_id is required")
    found = call.slack.store.interactions
    team = call.workspace.team_id
    view = found.view(team, view_id) if view_id else found.view_by_external(team, external_id)
    if view is None:
        raise SlackRefusal("not_found")
    body = check_view(call.args.structure("view", "invalid_arguments"), view.kind)
    call.limit()
    _check_hash(call, view)
    _check_external(call, body, view)
    return _show(call, changed_view(view, body))


def publish(call: Call) -> Answer:
    """Show a person's Home tab. Refusals: invalid_arguments, view_too_large, hash_conflict, duplicate_external_id."""
    user_id, team = call.args.need("user_id"), call.workspace.team_id
    if call.slack.store.workspaces.person(team, user_id) is None:
        raise SlackRefusal("invalid_arguments", "[ERROR] invalid user id [json-pointer:/user_id]")
    body = check_view(call.args.structure("view", "invalid_arguments"), "home")
    call.limit()
    before = call.slack.store.interactions.home(team, user_id)
    _check_hash(call, before)
    _check_external(call, body, before)
    return _show(call, changed_view(before, body) if before else new_view(team, user_id, body))


def _exchange(call: Call) -> Trigger:
    trigger_id = call.args.need("trigger_id")
    store = call.slack.store.interactions
    trigger = store.trigger(trigger_id) if _TRIGGER.fullmatch(trigger_id) else None
    if trigger is None or trigger.team_id != call.workspace.team_id:
        raise SlackRefusal("invalid_trigger_id")
    if trigger.used:
        raise SlackRefusal("exchanged_trigger_id")
    if trigger.expires < call.slack.store.control.now():
        raise SlackRefusal("expired_trigger_id")
    if not store.use_trigger(trigger_id):
        raise SlackRefusal("exchanged_trigger_id")
    return trigger


def _check_hash(call: Call, view: View | None) -> None:
    given = call.args.text("hash")
    if given and (view is None or given != view.hash):
        raise SlackRefusal("hash_conflict")


def _check_external(call: Call, body: Body, own: View | None = None) -> None:
    if not body["external_id"]:
        return
    taken = call.slack.store.interactions.view_by_external(call.workspace.team_id, body["external_id"])
    if taken is not None and (own is None or taken.view_id != own.view_id):
        raise SlackRefusal("duplicate_external_id")


def _show(call: Call, view: View) -> Answer:
    call.slack.store.interactions.put_view(view)
    return {"view": view_shape(call.workspace, view)}


def new_view(team_id: str, user_id: str, body: Body, below: View | None = None) -> View:
    """Return a new view, on top of the dialog `below` if there is one."""
    view_id = "V" + secrets.token_hex(5).upper()
    root_id, previous = (below.root_id, below.view_id) if below else (view_id, None)
    return View(view_id, team_id, user_id, body["type"], root_id, previous, _new_hash(), body, body["external_id"])


def changed_view(view: View, body: Body) -> View:
    """Return a view with new content, and a new hash."""
    return replace(view, body=body, external_id=body["external_id"], hash=_new_hash())


def _new_hash() -> str:
    return f"{time.time():.0f}.{secrets.token_hex(4)}"


def view_shape(workspace: Workspace, view: View, values: Body | None = None) -> Body:
    """Return a view as Slack's JSON. `values`: what a person filled in, by block and action."""
    frame = {"title": None, "submit": None, "close": None, "clear_on_close": False, "notify_on_close": False}
    return {
        **frame,
        **view.body,
        "id": view.view_id,
        "team_id": view.team_id,
        "app_id": workspace.app_id,
        "app_installed_team_id": view.team_id,
        "bot_id": workspace.bot_id,
        "state": {"values": values or {}},
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
    }
