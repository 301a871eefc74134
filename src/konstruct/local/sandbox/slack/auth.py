"""Methods: auth.test and auth.revoke."""

from __future__ import annotations

from typing import Any

from konstruct.local.sandbox.removals import authorization_revoked
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.call import Call, Slack
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.slack.sessions import installation_of

Answer = dict[str, Any]


def auth_test(call: Call) -> Answer:
    """Return whose token this is: a workspace's, or a whole organisation's."""
    call.limit()
    w = call.workspace
    answer: Answer = {
        "url": f"https://{w.slug}.slack.com/",
        "team": w.name,
        "team_id": w.team_id,
        "user": w.employee.lower(),
        "user_id": w.bot_user_id,
        "bot_id": w.bot_id,
        "is_enterprise_install": call.installation.org_wide,
    }
    if w.enterprise_id:
        answer["enterprise_id"] = w.enterprise_id
    token = call.slack.store.installations.token(call.args.token or "")
    if token is not None and token.expires_at is not None:
        answer["expires_in"] = int(token.expires_at - call.slack.store.control.now())
    return answer


def auth_revoke(slack: Slack, args: Arguments) -> Answer:
    """Revoke the token of the call, which may be a refresh token too; `test` only tries.

    Where tokens rotate, only this one goes. Where they do not, it stood for the authorisation: the app is uninstalled.
    Refusals: not_authed and those of installation_of.
    """
    if not args.token:
        raise SlackRefusal("not_authed")
    store, now = slack.store, slack.store.control.now()
    found = store.installations.token(args.token)
    refreshing = found is not None and found.kind == "refresh" and found.revoked_at is None
    installation = store.installations.get(found.installation_id) if found and refreshing else installation_of(store, args.token)
    if args.flag("test"):
        return {"revoked": False}
    store.installations.spend(args.token, now)
    if not installation.rotates:
        authorization_revoked(store, slack.sender, installation)
    return {"revoked": True}
