"""Slack as a channel: the pure parts tied to the HTTP client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from pydantic import SecretStr
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.channels.port import (
    WRONG_ACCOUNT,
    Capabilities,
    Credential,
    Failed,
    FindOutcome,
    Handshake,
    Inbound,
    Post,
    Retry,
    SendOutcome,
    Target,
)
from konstruct.channels.port_abilities import (
    Dialog,
    FormRead,
    Grant,
    Home,
    NotGranted,
    Person,
    PrivateNote,
    RenewOutcome,
    Told,
)
from konstruct.channels.slack import (
    controls,
    events,
    files,
    history,
    installing,
    interactive,
    interactive_calls,
    manifest,
    outcomes,
    people,
    renewal,
    signature,
)
from konstruct.channels.slack.assistant import SlackAssistant
from konstruct.channels.slack.client import SlackClient
from konstruct.channels.slack.installing import SlackInstalls
from konstruct.channels.slack.media import SlackMedia
from konstruct.channels.slack.render import PART_MAX, PARTS_MAX, instead_of_file, render
from konstruct.channels.slack.safety import notification
from konstruct.channels.slack.streams import SlackStreams
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.conversations.part import Part
from konstruct.kit.settings import Settings


class SlackAdapter(SlackAssistant, SlackStreams):
    """The channel port's adapter for Slack. Without a signing secret it sends, but refuses every webhook."""

    kind = "slack"
    caps = Capabilities(
        threads=True,
        typing="status",
        buttons_max=25,
        files_in=True,
        files_out=True,
        modals=True,
        commands=True,
        home=True,
        ephemeral=True,
        edit=True,
        mentions=True,
        history=True,
        text_max=PART_MAX,
        text_unit="utf16",
        parts_max=PARTS_MAX,
        markup="markdown",
        echoes=True,
        stream="native",
        suggestions=True,
        titles=True,
        install=True,
        renew=True,
        revoke=True,
    )

    def __init__(self, settings: Settings) -> None:
        self._signing_secret = settings.slack_signing_secret or SecretStr("")
        self._client_id = settings.slack_client_id or ""
        self._client_secret = settings.slack_client_secret or SecretStr("")
        self._api_url = settings.slack_api_url
        self._client = SlackClient(settings.slack_api_url)
        self._media = SlackMedia(settings.slack_api_url, self._client)
        self._installs = SlackInstalls(settings, self._client)

    def verify(self, body: bytes, headers: Mapping[str, str], now: float) -> str | None:
        """See `ChannelAdapter.verify`."""
        return signature.verify(self._signing_secret.get_secret_value().encode(), body, headers, now)

    def handshake(self, body: bytes, headers: Mapping[str, str]) -> Handshake | None:
        """See `ChannelAdapter.handshake`."""
        return events.handshake(body)

    def parse(self, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> Sequence[Inbound]:
        """See `ChannelAdapter.parse`."""
        return events.parse(body)

    def render(self, text: str, target: Target) -> list[Part]:
        """See `ChannelAdapter.render`."""
        return render(text, target.participants)

    def instead_of_file(self, text: str, target: Target) -> list[Part]:
        """See `Filing`."""
        return instead_of_file(text, target.participants)

    async def send(self, post: Post, credential: Credential, timeout_s: float) -> SendOutcome:
        """See `ChannelAdapter.send`. `timeout_s` is also the latest moment at which the request may be written."""
        if post.form == "file":
            return await files.send(self._client, post, credential, timeout_s)

        async def call(web: AsyncWebClient) -> object:
            return await web.chat_postMessage(
                channel=post.target.channel_id,
                thread_ts=post.target.thread_id,
                text=notification(post.text, post.target.participants),
                blocks=[{"type": "markdown", "text": post.text}, *controls.below(post)],
                metadata={
                    "event_type": events.DELIVERY_EVENT,
                    "event_payload": {"delivery_id": str(post.delivery_id)},
                },
                unfurl_links=False,
                unfurl_media=False,
            )

        return outcomes.sent(await self._client.call(call, credential.token, timeout_s))

    async def find(self, post: Post, since: datetime, credential: Credential) -> FindOutcome:
        """See `ChannelAdapter.find`. Slack limits most apps to one such call a minute."""
        return await history.find(self._client, post, since, credential)

    async def health(self, credential: Credential) -> str | None:
        """See `ChannelAdapter.health`. "no_connection", "timeout" and the like mean that Slack was not asked."""
        found = await self.identify(credential.token)
        if isinstance(found, str):
            return found
        # A token speaks for one workspace: under another's name it would send there what is meant for here.
        return None if found.account_key == credential.account_key else WRONG_ACCOUNT

    async def identify(self, token: str) -> Grant | str:
        """See `Identifying.identify`."""
        return await installing.identify(self._client, token, history.CALL_TIMEOUT_S)

    @property
    def scopes(self) -> Mapping[str, str]:
        """See `Installing.scopes`."""
        return {scope: need.purpose for scope, need in manifest.NEEDS.items()}

    @property
    def can_install(self) -> bool:
        """See `Installing.can_install`."""
        return self._installs.ready

    def consent_url(self, state: str, redirect_uri: str) -> str:
        """See `Installing.consent_url`."""
        return self._installs.consent_url(state, redirect_uri)

    async def exchange(self, code: str, redirect_uri: str) -> Grant | NotGranted:
        """See `Installing.exchange`."""
        return await self._installs.exchange(code, redirect_uri)

    async def revoke(self, credential: Credential) -> str | None:
        """See `Revoking.revoke`."""
        return await installing.revoke(self._client, credential)

    async def fetch_media(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """See `FetchesMedia.fetch_media`."""
        return await self._media.obtain(file, credential, limit_bytes=limit_bytes, timeout_s=timeout_s)

    @property
    def person_method(self) -> str:
        """See `KnowsPeople.person_method`."""
        return people.METHOD

    async def person(self, person_id: str, credential: Credential) -> Person | Retry | Failed:
        """See `KnowsPeople.person`."""
        return await people.person(self._client, person_id, credential)

    async def renew(self, refresh_token: str, timeout_s: float) -> RenewOutcome:
        """See `Renewing.renew`."""
        return await renewal.renew(self._client, self._client_id, self._client_secret, refresh_token, timeout_s)

    def parse_form(self, body: bytes) -> FormRead:
        """See `ReadsForms`."""
        return interactive.parse(body)

    def is_check(self, body: bytes) -> bool:
        """See `ReadsForms`."""
        return interactive.is_check(body)

    async def reply_privately(self, note: PrivateNote, credential: Credential) -> Told:
        """See `RepliesPrivately`."""
        return await interactive_calls.reply_privately(self._client, note, credential, self._api_url)

    async def open_dialog(self, dialog: Dialog, trigger: str, credential: Credential) -> Told:
        """See `Dialogs`."""
        return await interactive_calls.open_dialog(self._client, dialog, trigger, credential)

    async def show_home(self, home: Home, person_id: str, credential: Credential) -> Told:
        """See `Homes`."""
        return await interactive_calls.show_home(self._client, home, person_id, credential)

    async def redraw(self, channel_id: str, external_id: str, text: str, credential: Credential) -> Told:
        """See `Redraws`."""
        return await interactive_calls.redraw(self._client, channel_id, external_id, text, credential)

    async def close(self) -> None:
        """See `ChannelAdapter.close`."""
        await self._media.close()
        await self._client.close()
