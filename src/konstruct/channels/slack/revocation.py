"""Slack says that the app was removed, or its token taken back: two events, in any order, either of them enough."""

from __future__ import annotations

from typing import Any

from konstruct.channels.port import Ignored, Inbound
from konstruct.channels.port_events import Revoked
from konstruct.channels.slack import payload
from konstruct.channels.slack.envelope import Envelope

UNINSTALLED = "app_uninstalled"
REVOKED = "tokens_revoked"
_BOTS_MAX = 100


def revoked(envelope: Envelope) -> Inbound:
    """Return what the event takes from the account. Raises ValueError for one without a time."""
    lost = _bots(envelope.event)
    if lost is None:
        return Ignored("not our bot's token")
    at = _moment(envelope)
    return Revoked(**envelope.names, reason="token_revoked" if lost else UNINSTALLED, at=at, bots=lost)


def _bots(event: dict[str, Any]) -> tuple[str, ...] | None:
    """Return which bots lost their token; () for all there are; None if the event takes none of them away.

    `tokens_revoked` lists people and bots apart: a person who takes his own token back is none of our business.
    """
    if event.get("type") == UNINSTALLED:
        return ()
    listed = payload.mapping(event, "tokens").get("bot")
    named = [bot for bot in listed if isinstance(bot, str) and bot] if isinstance(listed, list) else []
    return tuple(named[:_BOTS_MAX]) or None


def _moment(envelope: Envelope) -> float:
    """The event's own time, else the delivery's: Unix seconds."""
    own = envelope.event.get("event_ts")
    if isinstance(own, str):
        try:
            return payload.moment(own).timestamp()
        except ValueError:
            pass
    if envelope.sent_at is None:
        raise ValueError("event_time is missing or not a time")
    return envelope.sent_at
