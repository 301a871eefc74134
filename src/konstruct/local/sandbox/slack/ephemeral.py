"""Method: chat.postEphemeral."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.interaction_model import Ephemeral
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.content import read_content
from konstruct.local.sandbox.slack.errors import SlackRefusal


def post_ephemeral(call: Call) -> dict[str, Any]:
    """Show a message to one person alone. Refusals: user_not_in_channel, and those of channel, thread and content."""
    channel = call.channel(writing=True)
    user_id = call.args.need("user")
    store, team = call.slack.store, call.workspace.team_id
    if store.workspaces.person(team, user_id) is None or channel.user_id not in (None, user_id):
        raise SlackRefusal("user_not_in_channel")
    root = call.thread(channel) if call.args.text("thread_ts") else None
    content = read_content(call.args)
    call.limit(channel)
    draft = Ephemeral(
        channel_id=channel.channel_id,
        ts="",
        user_id=user_id,
        text=content.text,
        markdown=content.markdown,
        thread_ts=root.ts if root else None,
        blocks=content.blocks,
    )
    message = store.interactions.add_ephemeral(team, draft)
    store.records.add_accepted(
        call.method, team, channel.channel_id, message.thread_ts, message.ts, message.text, content.metadata
    )
    return {"message_ts": message.ts}
