"""What surrounds every event of Slack: which installation it is for, which delivery it is, and who stands where. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from konstruct.channels.slack import payload

SYSTEM_USERS = frozenset({"USLACK", "USLACKBOT"})


@dataclass(frozen=True, slots=True)
class Envelope:
    """An opened delivery of the Events API."""

    account_key: str
    app_id: str | None
    """None where the delivery does not say: it is signed with our app's secret."""
    event_key: str
    bot_user_id: str | None
    event: dict[str, Any] = field(repr=False)
    shared: bool = False
    """Whether the channel is shared with another company (Slack Connect)."""
    teams: frozenset[str] = frozenset()
    """The ids of the installation's own side: its workspace, its organisation."""
    grid: bool = False
    """Whether the installation belongs to an organisation of several workspaces."""
    sent_at: float | None = None
    """When Slack first sent it, Unix seconds."""

    @property
    def names(self) -> dict[str, Any]:
        """What every event of the port bears."""
        return {"account_key": self.account_key, "app_id": self.app_id, "event_key": self.event_key}


def open_envelope(data: dict[str, Any]) -> Envelope:
    """Return the envelope of an `event_callback`. Raises ValueError, without content, for what is not in Slack's form."""
    event = payload.mapping(data, "event")
    if not event:
        raise ValueError("event is missing or not an object")
    app_id = None if data.get("api_app_id") is None else payload.need_identifier(data, "api_app_id")
    authorizations = payload.items(data, "authorizations")
    bots = [payload.identifier(item, "user_id") for item in authorizations if item.get("is_bot") is True]
    account_key = _account_key(data, authorizations)
    own = [account_key, payload.identifier(data, "context_team_id")]
    own += [payload.identifier(item, name) for item in authorizations for name in ("team_id", "enterprise_id")]
    return Envelope(
        account_key=account_key,
        app_id=app_id,
        event_key=f"slack:{app_id or ''}:{payload.need_identifier(data, 'event_id')}",
        bot_user_id=bots[0] if bots else None,
        event=event,
        shared=data.get("is_ext_shared_channel") is True,
        teams=frozenset(key for key in own if key is not None),
        sent_at=_moment(data.get("event_time")),
        grid=any(payload.identifier(item, "enterprise_id") for item in authorizations),
    )


def is_own(envelope: Envelope, message: dict[str, Any]) -> bool:
    """Return whether `message` (of a person, a bot or us) is one of our app's own."""
    app_id = message.get("app_id") or payload.mapping(message, "bot_profile").get("app_id")
    if message.get("bot_id") and app_id is not None and app_id == envelope.app_id:
        return True
    return envelope.bot_user_id is not None and message.get("user") == envelope.bot_user_id


def is_stranger(envelope: Envelope, message: dict[str, Any]) -> bool:
    """Return whether the author of `message` belongs to another company.

    In a shared channel whoever is not known to be of our side is a stranger. Elsewhere only somebody whose workspace is named
    as another one: within an organisation that is a colleague.
    """
    profile = payload.mapping(message, "user_profile")
    named = payload.identifier(message, "user_team") or payload.identifier(message, "source_team")
    team = named or payload.identifier(profile, "team")
    if envelope.shared:
        return (team or payload.identifier(message, "team")) not in envelope.teams
    return team is not None and team not in envelope.teams and not envelope.grid


def _account_key(data: dict[str, Any], authorizations: list[dict[str, Any]]) -> str:
    """The installation. In a shared channel the envelope's `team_id` may be the other side's: authorizations win."""
    if authorizations:
        first = authorizations[0]
        name = "enterprise_id" if first.get("is_enterprise_install") is True else "team_id"
        key = payload.identifier(first, name)
        if key is not None:
            return key
    return payload.need_identifier(data, "team_id")


def _moment(value: object) -> float | None:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**11 else None
