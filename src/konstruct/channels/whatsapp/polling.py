"""Asking Meta how a number is. Its webhook does not tell of quality any more: who does not ask does not learn of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from konstruct.channels.port import Credential, Failed, Retry, Unknown
from konstruct.channels.port_numbers import NumberSeen, PollOutcome
from konstruct.channels.whatsapp.client import Answer, GraphClient, NotWritten

FIELDS = (
    "quality_rating",
    "status",
    "name_status",
    "verified_name",
    "display_phone_number",
    "code_verification_status",
    "health_status",
    "throughput",
    "whatsapp_business_manager_messaging_limit",
)
AGAIN_S = 60.0
"""After an answer that says nothing of when to ask again."""
_TOKEN = frozenset((0, 3, 10, 190)) | frozenset(range(200, 300))
_WORD_MAX, _NAME_MAX, _DISPLAY_MAX = 100, 300, 60
_TIERS = {"K": 1_000, "M": 1_000_000}


class NumberPolling:
    """A mixin of WhatsApp's adapter: `Polling` through its one client."""

    _client: GraphClient

    async def poll(self, credential: Credential, timeout_s: float) -> PollOutcome:
        """See `Polling.poll`."""
        fields = {"fields": ",".join(FIELDS)}
        answer = await self._client.call("GET", credential.account_key, credential.token, timeout_s=timeout_s, params=fields)
        if not isinstance(answer, Answer):
            return Retry(AGAIN_S, answer.reason) if isinstance(answer, NotWritten) else Unknown(answer.reason)
        return seen(answer.data) if answer.ok else _refused(answer)


def seen(data: Mapping[str, Any]) -> NumberSeen:
    """Return what an answer says. What is missing, or of another form than it ever was, is not known."""
    health = data.get("health_status")
    throughput = data.get("throughput")
    return NumberSeen(
        quality=_text(data.get("quality_rating")),
        status=_text(data.get("status")),
        name_status=_text(data.get("name_status")),
        verified_name=_text(data.get("verified_name"), _NAME_MAX),
        display_number=_text(data.get("display_phone_number"), _DISPLAY_MAX),
        verification=_text(data.get("code_verification_status")),
        health=_text(health.get("can_send_message")) if isinstance(health, dict) else None,
        throughput=_text(throughput.get("level")) if isinstance(throughput, dict) else None,
        daily_limit=limit_of(data.get("whatsapp_business_manager_messaging_limit")),
    )


def limit_of(tier: object) -> int | None:
    """Return how many people a tier's name allows in 24 hours (TIER_250, TIER_2K, ..., TIER_UNLIMITED: -1), None for another."""
    if not isinstance(tier, str) or not tier.startswith("TIER_"):
        return None
    word = tier.removeprefix("TIER_")
    if word == "UNLIMITED":
        return -1
    digits, factor = (word[:-1], _TIERS[word[-1]]) if word[-1:] in _TIERS else (word, 1)
    return int(digits) * factor if digits.isascii() and digits.isdigit() and len(digits) <= 9 else None


def _refused(answer: Answer) -> PollOutcome:
    error = answer.error
    if error is not None and error.code in _TOKEN:
        return Failed("token_expired" if error.subcode == 463 else "invalid_auth", account_broken=True)
    if error is not None and (error.code, error.subcode) == (100, 33):
        return Failed("number_gone")
    return Retry(answer.wait_s or AGAIN_S, error.word if error else f"http_{answer.status}")


def _text(value: object, longest: int = _WORD_MAX) -> str | None:
    """Texts as the provider writes them, without what no row takes."""
    if not isinstance(value, str):
        return None
    return value.replace("\x00", "").strip()[:longest] or None
