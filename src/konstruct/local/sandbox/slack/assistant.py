"""Methods: assistant.threads.setStatus, .setSuggestedPrompts and .setTitle."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.model import Channel
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.errors import SlackRefusal

Answer = dict[str, Any]
STATUS_S = 120
"""How long a status shows without a message."""
LOADING_MESSAGES_MAX = 10
PROMPTS_MAX = 4


def set_status(call: Call) -> Answer:
    """Show a status in a thread until the next message, two minutes at most. Refusals: those of channel, invalid_thread_ts."""
    channel = call.channel("channel_id", writing=True)
    thread_ts = _root_ts(call, channel)
    loading = call.args.structure("loading_messages", "invalid_arguments")
    if loading is not None and (not isinstance(loading, list) or not all(isinstance(each, str) for each in loading)):
        raise SlackRefusal("invalid_arguments", "[ERROR] must provide an array of strings [json-pointer:/loading_messages]")
    if loading and len(loading) > LOADING_MESSAGES_MAX:
        raise SlackRefusal("invalid_arguments", "[ERROR] no more than 10 items allowed [json-pointer:/loading_messages]")
    status = call.args.text("status")
    call.limit(channel)
    store, team = call.slack.store, call.workspace.team_id
    store.threads.set_status(team, channel.channel_id, thread_ts, status, STATUS_S, loading or ())
    return {}


def set_suggested_prompts(call: Call) -> Answer:
    """Offer up to four prompts, in a thread or (without `thread_ts`) at the top of the direct conversation.

    Refusals: those of channel, invalid_thread_ts (also outside direct messages), invalid_arguments.
    """
    channel = call.channel("channel_id", writing=True)
    if channel.kind != "im":
        raise SlackRefusal("invalid_thread_ts")
    thread_ts = _root_ts(call, channel) if call.args.text("thread_ts") else ""
    prompts = call.args.structure("prompts", "invalid_arguments")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= PROMPTS_MAX:
        raise SlackRefusal("invalid_arguments", f"[ERROR] must hold 1 to {PROMPTS_MAX} items [json-pointer:/prompts]")
    for position, prompt in enumerate(prompts):
        if not isinstance(prompt, dict) or not all(isinstance(prompt.get(n), str) and prompt[n] for n in ("title", "message")):
            raise SlackRefusal("invalid_arguments", f"[ERROR] title and message are needed [json-pointer:/prompts/{position}]")
    title = call.args.text("title") or None
    call.limit(channel)
    kept = [{"title": prompt["title"], "message": prompt["message"]} for prompt in prompts]
    call.slack.store.threads.set_prompts(call.workspace.team_id, channel.channel_id, thread_ts, kept, title)
    return {}


def set_title(call: Call) -> Answer:
    """Name a thread of a direct conversation. Refusals: those of channel, invalid_thread_ts."""
    channel = call.channel("channel_id", writing=True)
    if channel.kind != "im":
        raise SlackRefusal("invalid_thread_ts")
    thread_ts, title = _root_ts(call, channel), call.args.need("title")
    call.limit(channel)
    call.slack.store.threads.set_title(call.workspace.team_id, channel.channel_id, thread_ts, title)
    return {}


def _root_ts(call: Call, channel: Channel) -> str:
    root = call.slack.store.messages.get(channel.channel_id, call.ts("thread_ts", "invalid_thread_ts"))
    if root is None or root.thread_ts is not None:
        raise SlackRefusal("invalid_thread_ts")
    return root.ts
