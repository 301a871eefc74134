"""The channels there are: the one place where each of them is named. A new one is a folder, and a line here."""

from __future__ import annotations

from konstruct.channels.channel import Channel
from konstruct.channels.slack.channel import SLACK
from konstruct.channels.whatsapp.channel import WHATSAPP

CHANNELS: tuple[Channel, ...] = (SLACK, WHATSAPP)
