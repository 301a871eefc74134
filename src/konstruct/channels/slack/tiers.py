"""Slack's rate limits: how often each method that we call may be called in a minute, by one app in one workspace.

Sources: docs.slack.dev/apis/web-api/rate-limits (the tiers, the posts, the history of apps like ours); for each method its
page, docs.slack.dev/reference/methods/<method>, and the list that Slack keeps in its own SDK (github.com/slackapi/java-slack-sdk,
MethodsRateLimits.java and MethodsRateLimitTier.java). A tier promises at least so many; our bursts are kept within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from konstruct.channels.rates import DIALOG, HISTORY, PAGE, POST, PRIVATE, REDRAW, WORKING, Rate
from konstruct.kit.settings import Settings

TIER_1 = Rate(per_minute=1)
TIER_2 = Rate(per_minute=20, burst=5)
TIER_3 = Rate(per_minute=50, burst=10)
TIER_4 = Rate(per_minute=100, burst=20)

POSTS = Rate(per_minute=240, burst=10, channel_per_s=1.0, bucket=POST)
"""A message a second and channel; "several hundred messages per minute" for the workspace, which Slack does not put more
exactly."""
STATUSES = Rate(per_minute=240, burst=10, channel_per_s=1.0, bucket=WORKING)
"""As for posts, and counted apart."""
HISTORIES = Rate(per_minute=1, bucket=HISTORY)
"""For apps that are distributed outside the Marketplace, both methods: one call a minute, 15 messages. Counted together."""

RATES: Mapping[str, Rate] = MappingProxyType(
    {
        POST: POSTS,
        HISTORY: HISTORIES,
        WORKING: STATUSES,
        PRIVATE: replace(TIER_4, bucket="chat.postEphemeral"),
        DIALOG: replace(TIER_4, bucket="views.open"),
        PAGE: replace(TIER_4, bucket="views.publish"),
        REDRAW: replace(TIER_3, bucket="chat.update"),
        "assistant.threads.setStatus": STATUSES,
        "assistant.threads.setSuggestedPrompts": TIER_3,
        "assistant.threads.setTitle": TIER_3,
        "auth.revoke": TIER_3,
        "auth.test": Rate(per_minute=200, burst=50),
        "chat.appendStream": TIER_4,
        "chat.delete": TIER_3,
        "chat.postEphemeral": TIER_4,
        "chat.postMessage": POSTS,
        "chat.startStream": TIER_2,
        "chat.stopStream": TIER_2,
        "chat.update": TIER_3,
        "conversations.history": HISTORIES,
        "conversations.info": TIER_3,
        "conversations.open": TIER_3,
        "conversations.replies": HISTORIES,
        "files.completeUploadExternal": TIER_4,
        "files.getUploadURLExternal": TIER_4,
        "files.info": TIER_4,
        "oauth.v2.access": TIER_4,
        "reactions.add": TIER_3,
        "reactions.remove": TIER_2,
        "team.info": TIER_3,
        "users.info": TIER_4,
        "views.open": TIER_4,
        "views.publish": TIER_4,
        "views.push": TIER_4,
        "views.update": TIER_4,
    }
)


def rates(settings: Settings) -> Mapping[str, Rate]:
    """Return the rates of this installation's app: one that is not distributed may read histories more often."""
    often = replace(HISTORIES, per_minute=settings.slack_history_per_minute)
    return {name: often if rate is HISTORIES else rate for name, rate in RATES.items()}
