"""What Slack calls a person (`users.info`)."""

from __future__ import annotations

from typing import Any

from konstruct.channels.port import Credential, Failed, Retry
from konstruct.channels.port_abilities import Person
from konstruct.channels.slack import outcomes, payload
from konstruct.channels.slack.client import Answer, SlackClient
from konstruct.kit.text import storable

METHOD = "users.info"
_TIMEOUT_S = 10.0
_AGAIN_S = 60.0
_NAME_MAX = 200


async def person(client: SlackClient, person_id: str, credential: Credential) -> Person | Retry | Failed:
    """See `KnowsPeople.person`."""
    result = await client.call(lambda web: web.users_info(user=person_id), credential.token, _TIMEOUT_S)
    if not isinstance(result, Answer):
        return Retry(_AGAIN_S, result.reason)
    if result.status == 429 or result.status >= 500:
        return Retry(result.retry_after_s or _AGAIN_S, outcomes.code(result))
    if result.data.get("ok") is not True:
        return Failed(outcomes.code(result))
    return Person(_name(payload.mapping(dict(result.data), "user")))


def _name(user: dict[str, Any]) -> str | None:
    """Return what the person is shown as; robots and people of other companies have names like anybody."""
    profile = payload.mapping(user, "profile")
    for value in (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name")):
        if isinstance(value, str) and (name := " ".join(storable(value).split())):
            return name[:_NAME_MAX]
    return None
