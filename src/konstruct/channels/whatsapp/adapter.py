"""WhatsApp as a channel: the pure parts tied to the HTTP client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from konstruct.channels.port import (
    Capabilities,
    Credential,
    Failed,
    FindOutcome,
    Handshake,
    Inbound,
    Post,
    SendOutcome,
    Target,
)
from konstruct.channels.whatsapp import reading, signature
from konstruct.channels.whatsapp.client import GraphClient
from konstruct.channels.whatsapp.meta_app import MetaApp
from konstruct.channels.whatsapp.onboarding import Onboarding
from konstruct.channels.whatsapp.polling import NumberPolling
from konstruct.conversations.part import Part
from konstruct.kit.settings import Settings

WINDOW_S = 24 * 3600.0
"""How long after a person's last message a free text may be sent (Meta, customer service window)."""


class WhatsAppAdapter(Onboarding, NumberPolling):
    """The channel port's adapter for WhatsApp. Without an app secret it sends, but refuses every webhook."""

    kind = "whatsapp"
    caps = Capabilities(
        typing="indicator",
        read_receipts=True,
        delivery_receipts=True,
        reactions=True,
        files_in=True,
        files_out=True,
        buttons_max=3,
        list_max=10,
        text_max=4096,
        parts_max=3,
        markup="whatsapp",
        reply_window_s=WINDOW_S,
        outside_window="template",
        opt_in_required=True,
        business_only=True,
        billed_per_message=True,
        signup=True,
        revoke=True,
    )

    def __init__(self, settings: Settings) -> None:
        self._client = GraphClient(settings.whatsapp_api_url)
        secret, token = settings.whatsapp_app_secret, settings.whatsapp_verify_token
        self._secret = secret.get_secret_value().encode() if secret else None
        self._verify_token = token.get_secret_value().encode() if token else None
        self._client = GraphClient(settings.whatsapp_api_url)
        self._app = MetaApp.of(settings)

    def verify(self, body: bytes, headers: Mapping[str, str], now: float) -> str | None:
        """See `ChannelAdapter.verify`. Meta's signature has no time: a replay is known by its keys."""
        if self._secret is None:
            return "KONSTRUCT_WHATSAPP_APP_SECRET is not set"
        return signature.refusal(self._secret, body, headers)

    def handshake(self, body: bytes, headers: Mapping[str, str]) -> Handshake | None:
        """Meta asks by GET: see `challenge`."""
        return None

    def challenge(self, query: Mapping[str, str]) -> Handshake:
        """See `Challenged`."""
        return signature.challenge(self._verify_token, query)

    def parse(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Inbound]:
        """See `ChannelAdapter.parse`."""
        return reading.read(body)

    def render(self, text: str, target: Target) -> list[Part]:
        """See `ChannelAdapter.render`."""
        raise NotImplementedError

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        """See `ChannelAdapter.send`."""
        raise NotImplementedError

    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        """There is no history: who cannot look does not say that there is nothing."""
        return Failed("no_history")

    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        """See `ChannelAdapter.working`."""
        raise NotImplementedError

    async def health(self, credential: Credential) -> str | None:
        """See `ChannelAdapter.health`."""
        raise NotImplementedError

    async def close(self) -> None:
        """See `ChannelAdapter.close`."""
        await self._client.close()
