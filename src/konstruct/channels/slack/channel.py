"""Slack, as the registry knows it."""

from __future__ import annotations

from konstruct.channels.channel import Channel
from konstruct.channels.slack.adapter import SlackAdapter

SLACK = Channel("slack", SlackAdapter, webhooks=("/webhooks/slack/events",))
