"""Methods: files.info, files.getUploadURLExternal and files.completeUploadExternal."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.events import posted_events
from konstruct.local.sandbox.model import Channel, StoredFile
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.content import TEXT_MAX
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.file_shapes import UPLOAD_PATH, file_shape

Answer = dict[str, Any]
UPLOAD_MAX = 20 * 1024 * 1024
"""Bytes of one file here; Slack's own limit is 1 GB."""


def info(call: Call) -> Answer:
    """Return a file. Refusals: file_not_found, not_visible where the employee is not in its channel."""
    file = call.slack.store.files.get(call.args.need("file"))
    if file is None or not file.arrived or file.channel_id is None:
        raise SlackRefusal("file_not_found")
    if not visible(call, file):
        raise SlackRefusal("not_visible")
    call.limit()
    return {"file": file_shape(file, call.slack.store.files.base_url), "comments": [], "response_metadata": {"next_cursor": ""}}


def visible(call: Call, file: StoredFile) -> bool:
    """Return whether the app sees a file: it uploaded it, or is in the channel where it was shared."""
    own = call.workspace
    if (file.team_id, file.user_id) == (own.team_id, own.bot_user_id):
        return True
    store = call.slack.store
    teams = [w.team_id for w in store.workspaces.of_enterprise(own.enterprise_id)] if own.enterprise_id else []
    for team_id in {own.team_id, *(teams if call.installation.org_wide else ())}:
        channel = store.workspaces.channel(team_id, file.channel_id or "")
        if channel is not None and channel.has_bot:
            return True
    return False


def get_upload_url(call: Call) -> Answer:
    """Return an address for the bytes of a file, good for one upload of exactly `length` bytes.

    Refusals: missing_argument (also for a length of 0), invalid_arguments, file_upload_size_restricted.
    """
    name, length = call.args.text("filename"), call.args.text("length")
    if not name or not length or length == "0":
        raise SlackRefusal("missing_argument")
    if not length.isdecimal() or len(length) > 20:
        raise SlackRefusal("invalid_arguments", "[ERROR] must be a whole number [json-pointer:/length]")
    if int(length) > UPLOAD_MAX:
        raise SlackRefusal("file_upload_size_restricted")
    call.limit()
    store, w = call.slack.store, call.workspace
    file, ticket = store.files.reserve(w.team_id, w.bot_user_id, name, int(length))
    return {"upload_url": f"{store.files.base_url}{UPLOAD_PATH}/{ticket}", "file_id": file.file_id}


def complete_upload(call: Call) -> Answer:
    """Finish uploads, and share them as one message where `channel_id` says. Like Slack's, the answer names no message.

    Refusals: file_not_found for one that is unknown, not uploaded yet or finished already, those of channel and thread,
    posting_to_channel_denied in an archived channel, msg_too_long.
    """
    titles = _titles(call)
    files = [_own_upload(call, file_id) for file_id in titles]
    channel = _target(call)
    root = call.thread(channel) if channel and call.args.text("thread_ts") else None
    comment = call.args.text("initial_comment")
    if len(comment) > TEXT_MAX:
        raise SlackRefusal("msg_too_long")
    call.limit(channel)
    store, w = call.slack.store, call.workspace
    for file in files:
        store.files.share(file.file_id, titles[file.file_id] or file.name, channel.channel_id if channel else "")
    if channel is not None:
        shown = [store.files.get(file.file_id) or file for file in files]
        shapes = tuple(file_shape(file, store.files.base_url) for file in shown)
        message = store.messages.add(w.team_id, call.draft(channel, root, text=comment, files=shapes))
        call.accept(channel, message)
        call.slack.sender.publish(posted_events(store, w, channel, message))
    return {"files": [{"id": file.file_id, "title": titles[file.file_id] or file.name} for file in files]}


def _titles(call: Call) -> dict[str, str]:
    files = call.args.structure("files", "invalid_arguments")
    wrong = SlackRefusal("invalid_arguments", "[ERROR] must provide an array of files with ids [json-pointer:/files]")
    if not isinstance(files, list) or not files:
        raise wrong
    titles: dict[str, str] = {}
    for file in files:
        if not isinstance(file, dict) or not isinstance(file.get("id"), str) or file["id"] in titles:
            raise wrong
        titles[file["id"]] = str(file.get("title") or "")
    return titles


def _own_upload(call: Call, file_id: str) -> StoredFile:
    file, w = call.slack.store.files.get(file_id), call.workspace
    if file is None or not file.arrived or file.channel_id is not None or file.user_id != w.bot_user_id:
        raise SlackRefusal("file_not_found")
    return file


def _target(call: Call) -> Channel | None:
    if not call.args.text("channel_id"):
        return None
    channel = call.channel("channel_id")
    if channel.archived:
        raise SlackRefusal("posting_to_channel_denied")
    return channel
