"""Calls by which Slack shows something outside the outbox: to one person alone, in a dialog, on a page, in place of buttons."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import Credential
from konstruct.channels.port_abilities import Dialog, Home, PrivateNote, Told
from konstruct.channels.slack import controls, home, outcomes, reply_urls
from konstruct.channels.slack.client import Answer, NotWritten, Result, SlackClient
from konstruct.channels.slack.safety import clean, neutralise, notification

TIMEOUT_S = 5.0
DIALOG_TIMEOUT_S = 2.5
"""A ticket holds for three seconds."""
TEXT_MAX = 11_500
TITLE_MAX = 24
_FOR_NOW = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout"})
_NOBODY: Set[str] = frozenset()

Block = dict[str, Any]


async def reply_privately(client: SlackClient, note: PrivateNote, credential: Credential, api_url: str) -> Told:
    """See `RepliesPrivately`. A reply address is written to without the token, and only if it is Slack's."""
    if note.reply_url is not None and reply_urls.allowed(note.reply_url, api_url):
        body = {"response_type": "ephemeral", "replace_original": note.replace, **_content(note)}
        told = _told(await client.post(note.reply_url, body, TIMEOUT_S))
        if told.state != "refused" or note.replace:
            return told
    if note.channel_id is None:
        return Told("refused", code="nowhere")
    channel = note.channel_id

    async def call(web: AsyncWebClient) -> object:
        return await web.chat_postEphemeral(channel=channel, user=note.person_id, thread_ts=note.thread_id, **_content(note))

    return _told(await client.call(call, credential.token, TIMEOUT_S))


async def open_dialog(client: SlackClient, dialog: Dialog, trigger: str, credential: Credential) -> Told:
    """See `Dialogs`."""
    view = dialog_view(dialog)
    return _told(await client.call(lambda web: web.views_open(trigger_id=trigger, view=view), credential.token, DIALOG_TIMEOUT_S))


async def show_home(client: SlackClient, shown: Home, person_id: str, credential: Credential) -> Told:
    """See `Homes`."""
    view = home.view(shown)
    return _told(await client.call(lambda web: web.views_publish(user_id=person_id, view=view), credential.token, TIMEOUT_S))


async def redraw(client: SlackClient, channel_id: str, external_id: str, text: str, credential: Credential) -> Told:
    """See `Redraws`."""

    async def call(web: AsyncWebClient) -> object:
        return await web.chat_update(
            channel=channel_id, ts=external_id, text=notification(text, _NOBODY), blocks=[_markdown(text)]
        )

    return _told(await client.call(call, credential.token, TIMEOUT_S))


def dialog_view(dialog: Dialog) -> dict[str, Any]:
    """Return the dialog as Slack's modal. Pure."""
    element: Block = {
        "type": "plain_text_input",
        "action_id": dialog.field_name,
        "multiline": True,
        "max_length": min(dialog.longest, 3000),
    }
    if dialog.placeholder:
        element["placeholder"] = _plain(dialog.placeholder[:150])
    label = _plain(dialog.question[:2000])
    field: Block = {
        "type": "input",
        "block_id": dialog.field_name,
        "label": label,
        "element": element,
        "optional": dialog.optional,
    }
    return {
        "type": "modal",
        "callback_id": dialog.name,
        "private_metadata": dialog.context,
        "title": _plain(dialog.title[:TITLE_MAX]),
        "submit": _plain(dialog.submit[:TITLE_MAX]),
        "close": _plain("Cancel"),
        "blocks": [field],
    }


def _content(note: PrivateNote) -> dict[str, Any]:
    blocks = [_markdown(note.text)]
    if note.buttons:
        blocks.append(controls.buttons(note.buttons))
    return {"text": notification(note.text, _NOBODY), "blocks": blocks}


def _markdown(text: str) -> Block:
    return {"type": "markdown", "text": neutralise(clean(text)[:TEXT_MAX], _NOBODY)}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _told(result: Result) -> Told:
    if isinstance(result, NotWritten):
        return Told("later", code=result.reason)
    if not isinstance(result, Answer) or result.data.get("ok") is True:
        # Lost: perhaps it was shown, and twice would be worse than not at all.
        return Told("shown")
    code = "ratelimited" if result.status == 429 else outcomes.code(result)
    if code in ("ratelimited", "rate_limited"):
        named = outcomes.RETRY_AFTER_S if result.retry_after_s is None else result.retry_after_s
        return Told("later", min(max(named, 1.0), outcomes.RETRY_AFTER_MAX_S), code)
    return Told("later" if result.status >= 500 or code in _FOR_NOW else "refused", code=code)
