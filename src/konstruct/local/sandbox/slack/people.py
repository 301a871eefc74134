"""Method: users.info."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.slack.call import Call
from konstruct.local.sandbox.slack.errors import SlackRefusal

Answer = dict[str, Any]


def users_info(call: Call) -> Answer:
    """Return a member of the workspace. Refusals: user_not_found."""
    user_id, w = call.args.need("user"), call.workspace
    person = call.slack.store.workspaces.person(w.team_id, user_id)
    if person is None and user_id != w.bot_user_id:
        raise SlackRefusal("user_not_found")
    call.limit()
    name, title = (person.name, person.role) if person else (w.employee, w.employee_role)
    profile = {"real_name": name, "display_name": name.split()[0], "title": title}
    return {
        "user": {
            "id": user_id,
            "team_id": w.team_id,
            "name": name.lower().replace(" ", "."),
            "real_name": name,
            "profile": profile,
            "deleted": False,
            "is_bot": person is None,
            "tz": "UTC",
        }
    }
