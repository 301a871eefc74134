"""Slack says that the app was removed, or its token taken back: two events, in any order, either of them enough."""

from __future__ import annotations

from typing import Any

from konstruct.channels.slack import payload

UNINSTALLED = "app_uninstalled"
REVOKED = "tokens_revoked"
_BOTS_MAX = 100


def bots(event: dict[str, Any]) -> tuple[str, ...] | None:
    """Return which bots lost their token; () for all there are; None if the event takes none of them away.

    `tokens_revoked` lists people and bots apart: a person who takes his own token back is none of our business.
    """
    if event.get("type") == UNINSTALLED:
        return ()
    listed = payload.mapping(event, "tokens").get("bot")
    named = [bot for bot in listed if isinstance(bot, str) and bot] if isinstance(listed, list) else []
    return tuple(named[:_BOTS_MAX]) or None


def moment(event: dict[str, Any], delivered_at: object) -> float:
    """Return when it happened, Unix seconds: the event's own time, else the delivery's. Raises ValueError without either."""
    own = event.get("event_ts")
    if isinstance(own, str):
        try:
            return payload.moment(own).timestamp()
        except ValueError:
            pass
    if isinstance(delivered_at, bool) or not isinstance(delivered_at, int) or not 0 <= delivered_at < 10**11:
        raise ValueError("event_time is missing or not a time")
    return float(delivered_at)
