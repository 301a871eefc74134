"""Checks of the webhook as the provider sees it: who is refused, and what a redelivery does."""

from __future__ import annotations

import json
import time
from uuid import uuid4

import aiohttp

from konstruct.channels.slack.signature import WINDOW_S, sign
from konstruct.cli.checks import probe_repository
from konstruct.cli.checks.check import SettingsCheck, System, SystemCheck, Verdict
from konstruct.cli.checks.probe_tenant import APP, Probe, probe_tenant
from konstruct.kit.settings import Settings

WEBHOOK = "/webhooks/slack/events"
HTTP_S = 5.0
_UNSIGNED = "KONSTRUCT_SLACK_SIGNING_SECRET is not set for this command: nothing can be signed"


async def webhook(settings: Settings) -> Verdict:
    """The webhook is reachable at its public address and refuses a stranger."""
    async with _client() as client:
        status, _ = await _post(client, settings, b"{}", {})
    return status == 401, f"{settings.public_url}{WEBHOOK} answers {status} to an unsigned request, 401 is right"


async def signature(settings: Settings) -> Verdict:
    """What our signing secret signed is taken now, and refused once it is old."""
    if settings.slack_signing_secret is None:
        return None, _UNSIGNED
    challenge = uuid4().hex
    body = json.dumps({"type": "url_verification", "challenge": challenge}).encode()
    async with _client() as client:
        taken, answer = await _post(client, settings, body, _signed(settings, body))
        stale, _ = await _post(client, settings, body, _signed(settings, body, age_s=2 * WINDOW_S))
    told = f"a signed request gets {taken}, the same one {2 * WINDOW_S} s old gets {stale}; 200 and 401 are right"
    return (taken, answer, stale) == (200, challenge, 401), told


async def replay(system: System) -> Verdict:
    """The same signed event twice: both are acknowledged, and there is one message."""
    settings = system.settings
    if settings.slack_signing_secret is None:
        return None, _UNSIGNED
    async with probe_tenant(system.db) as probe, _client() as client:
        body = _event(probe)
        statuses = [(await _post(client, settings, body, _signed(settings, body)))[0] for _ in range(2)]
        async with system.db.tenant(probe.scope) as session:
            stored = await probe_repository.stored(session)
    right = statuses == [200, 200] and (stored.messages, stored.events) == (1, 1)
    told = (
        f"the same event twice gets {statuses[0]} and {statuses[1]}, and leaves {stored.messages} message, {stored.events} event"
    )
    return right, f"{told}; 200, 200, 1 and 1 are right"


def _event(probe: Probe) -> bytes:
    """A post in a channel that does not address the employee: it is stored, and nobody answers it."""
    ts = f"{time.time():.6f}"
    event = {"type": "message", "channel": "C_DOCTOR", "channel_type": "channel", "user": "U_DOCTOR", "text": "probe", "ts": ts}
    envelope = {"type": "event_callback", "team_id": probe.team, "api_app_id": APP, "event_id": f"Ev_{uuid4().hex}"}
    return json.dumps({**envelope, "event": event}).encode()


def _signed(settings: Settings, body: bytes, *, age_s: int = 0) -> dict[str, str]:
    assert settings.slack_signing_secret is not None
    at = str(int(time.time()) - age_s)
    secret = settings.slack_signing_secret.get_secret_value().encode()
    return {"X-Slack-Request-Timestamp": at, "X-Slack-Signature": sign(secret, body, at)}


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_S))


async def _post(client: aiohttp.ClientSession, settings: Settings, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    async with client.post(settings.public_url.rstrip("/") + WEBHOOK, data=body, headers=headers) as response:
        return response.status, (await response.content.read(1000)).decode("utf-8", "replace")


SETTINGS_CHECKS: dict[str, SettingsCheck] = {"webhook": webhook, "webhook-signature": signature}
CHECKS: dict[str, SystemCheck] = {"webhook-replay": replay}
