"""WhatsApp, as the registry knows it."""

from __future__ import annotations

from konstruct.channels.channel import Channel
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.channels.whatsapp.pace import rates

WHATSAPP = Channel(
    "whatsapp",
    WhatsAppAdapter,
    webhooks=("/webhooks/whatsapp",),
    challenge="/webhooks/whatsapp",
    body_max=4 << 20,
    rates=rates,
)
"""Meta's bodies have up to 3 MB."""
