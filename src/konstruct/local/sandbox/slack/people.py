"""Method: users.info."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.model import Person
from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.errors import SlackRefusal

Answer = dict[str, Any]


def users_info(call: Call) -> Answer:
    """Return a person of this workspace or of one that shares a channel with it, or the employee. Refusals: user_not_found.

    `is_stranger` means: of another workspace, and in no shared channel that the app sees. Who is of another workspace, but
    shares such a channel, has only another `team_id`.
    """
    user_id, w = call.args.need("user"), call.workspace
    if user_id == w.bot_user_id:
        call.limit()
        return {"user": _shape(user_id, w.team_id, w.employee, w.employee_role, is_bot=True)}
    found = _seen(call, user_id)
    if found is None:
        raise SlackRefusal("user_not_found")
    call.limit()
    person, stranger = found
    shape = _shape(person.user_id, person.team_id, person.name, person.role, is_bot=False)
    if stranger is not None:
        shape["is_stranger"] = stranger
    else:
        shape["is_admin"] = person.is_admin
    if enterprise := _enterprise_user(call, person):
        shape["enterprise_user"] = enterprise
    return {"user": shape}


def _seen(call: Call, user_id: str) -> tuple[Person, bool | None] | None:
    """Return a person, and for one of another workspace whether they are a stranger; None for nobody to be seen."""
    store, own = call.slack.store, call.workspace.team_id
    if (person := store.workspaces.person(own, user_id)) is not None:
        return person, None
    shared = [channel for channel in store.workspaces.channels(own) if channel.shared_with]
    for person in store.workspaces.homes(user_id):
        between = [channel for channel in shared if person.team_id in (channel.team_id, *channel.shared_with)]
        if between:
            return person, not any(channel.has_bot for channel in between)
    return None


def _enterprise_user(call: Call, person: Person) -> Answer | None:
    store = call.slack.store
    home = store.workspaces.by_team(person.team_id)
    enterprise = store.workspaces.enterprise(home.enterprise_id) if home else None
    if enterprise is None:
        return None
    teams = [each.team_id for each in store.workspaces.homes(person.user_id)]
    who = {"id": person.user_id, "enterprise_id": enterprise.enterprise_id, "enterprise_name": enterprise.name}
    return {**who, "is_admin": person.is_admin, "is_owner": False, "teams": teams}


def _shape(user_id: str, team_id: str, name: str, title: str, *, is_bot: bool) -> Answer:
    profile = {"real_name": name, "display_name": name.split(maxsplit=1)[0], "title": title, "team": team_id}
    return {
        "id": user_id,
        "team_id": team_id,
        "name": name.lower().replace(" ", "."),
        "real_name": name,
        "profile": profile,
        "deleted": False,
        "is_bot": is_bot,
        "tz": "UTC",
    }
