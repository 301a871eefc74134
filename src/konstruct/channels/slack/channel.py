"""Slack, as the registry knows it."""

from __future__ import annotations

from konstruct.channels.channel import Channel
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.tiers import rates

SLACK = Channel(
    "slack",
    SlackAdapter,
    webhooks=("/webhooks/slack/events",),
    forms=("/webhooks/slack/interactivity", "/webhooks/slack/commands"),
    rates=rates,
)
