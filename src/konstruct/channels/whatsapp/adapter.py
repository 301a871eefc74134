"""WhatsApp as a channel: the pure parts tied to the HTTP client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from konstruct.channels.port import (
    WRONG_ACCOUNT,
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
from konstruct.channels.whatsapp import files, interactive, outcomes, posts, reading, signature
from konstruct.channels.whatsapp.client import Answer, GraphClient
from konstruct.channels.whatsapp.media import WhatsAppMedia
from konstruct.channels.whatsapp.meta_app import MetaApp
from konstruct.channels.whatsapp.onboarding import Onboarding
from konstruct.channels.whatsapp.polling import NumberPolling
from konstruct.channels.whatsapp.render import PARTS_MAX, TEXT_MAX, instead_of_file, render
from konstruct.channels.whatsapp.templates import Templates
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Part
from konstruct.kit.settings import Settings

WINDOW_S = 24 * 3600.0
"""How long after a person's last message a free text may be sent (Meta, customer service window)."""
SIGN_S = 25.0
"""How long the sign of typing stays (Meta, "typing indicators")."""
_CALL_S = 10.0


class WhatsAppAdapter(Onboarding, NumberPolling, Templates):
    """The channel port's adapter for WhatsApp. Without an app secret it sends, but refuses every webhook."""

    kind = "whatsapp"
    caps = Capabilities(
        typing="indicator",
        sign_lasts_s=SIGN_S,
        read_receipts=True,
        delivery_receipts=True,
        reactions=True,
        files_in=True,
        files_out=True,
        buttons_max=interactive.BUTTONS_MAX,
        list_max=interactive.ROWS_MAX,
        button_label_max=interactive.BUTTON_LABEL_MAX,
        list_label_max=interactive.ROW_DESCRIPTION_MAX,
        choices_text_max=interactive.BODY_MAX,
        text_max=TEXT_MAX,
        text_unit="utf16",
        parts_max=PARTS_MAX,
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
        secret, token = settings.whatsapp_app_secret, settings.whatsapp_verify_token
        self._secret = secret.get_secret_value().encode() if secret else None
        self._verify_token = token.get_secret_value().encode() if token else None
        self._client = GraphClient(settings.whatsapp_api_url)
        self._media = WhatsAppMedia(settings.whatsapp_api_url, self._client)
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
        return render(text)

    def instead_of_file(self, text: str, target: Target) -> list[Part]:
        """See `Filing`."""
        return instead_of_file(text)

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        """See `ChannelAdapter.send`. `timeout_s` is also the latest moment at which the request may be written."""
        if post.form == "file":
            return await files.send(self._client, post, self.caps, credential, timeout_s)
        path, body = f"{credential.account_key}/messages", posts.body(post, self.caps)
        return outcomes.sent(await self._client.call("POST", path, credential.token, json=body, timeout_s=timeout_s), post.held)

    def judge(self, reason: str) -> Failed:
        """See `Judging`."""
        return outcomes.judge(reason)

    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        """There is no history: who cannot look does not say that there is nothing."""
        return Failed("no_history")

    async def working(self, target: Target, credential: Credential, active: bool) -> str | None:
        """See `ChannelAdapter.working`. It marks the message heard last as read; the sign goes away with the answer, or by
        itself."""
        if target.heard_id is None:
            return None
        path, body = f"{credential.account_key}/messages", posts.read(target.heard_id, typing=active)
        result = await self._client.call("POST", path, credential.token, json=body, timeout_s=_CALL_S)
        if not isinstance(result, Answer):
            return result.reason
        return None if result.ok else outcomes.code(result)

    async def health(self, credential: Credential) -> str | None:
        """See `ChannelAdapter.health`. "no_connection", "timeout" and the like mean that Meta was not asked."""
        fields = {"fields": "id,display_phone_number"}
        result = await self._client.call("GET", credential.account_key, credential.token, params=fields, timeout_s=_CALL_S)
        if not isinstance(result, Answer):
            return result.reason
        if result.ok:
            return None if str(result.data.get("id")) == credential.account_key else WRONG_ACCOUNT
        code = outcomes.code(result)
        # Meta says the same of a number that is gone and of one that is somebody else's.
        return WRONG_ACCOUNT if code == "number_gone" else code

    async def fetch_media(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """See `FetchesMedia`."""
        return await self._media.obtain(file, credential, limit_bytes=limit_bytes, timeout_s=timeout_s)

    async def close(self) -> None:
        """See `ChannelAdapter.close`."""
        await self._client.close()
