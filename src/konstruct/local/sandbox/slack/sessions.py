"""Whose token a call carries, and which workspace it acts on."""

from __future__ import annotations

from dataclasses import replace

from konstruct.local.sandbox.audience import seen_by_organisation
from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.model import Workspace
from konstruct.local.sandbox.slack.arguments import Arguments
from konstruct.local.sandbox.slack.call import Call, Slack
from konstruct.local.sandbox.slack.errors import SlackRefusal
from konstruct.local.sandbox.store import SandboxStore

TEAM_NEEDED = frozenset({"conversations.open", "files.getUploadURLExternal", "views.publish"})
"""Methods that an organisation-wide token must tell the workspace of, as nothing else in the call does."""


def installation_of(store: SandboxStore, token: str) -> Installation:
    """Return the installation of an access token.

    Raises SlackRefusal: invalid_auth, account_inactive where the app was uninstalled, token_revoked, token_expired.
    """
    found = store.installations.token(token)
    if found is None or found.kind != "access":
        raise SlackRefusal("invalid_auth")
    installation = store.installations.get(found.installation_id)
    if installation.removed_at is not None:
        raise SlackRefusal("account_inactive")
    if found.revoked_at is not None:
        raise SlackRefusal("token_revoked")
    if found.expires_at is not None and found.expires_at <= store.control.now():
        raise SlackRefusal("token_expired")
    return installation


def open_call(slack: Slack, method: str, args: Arguments) -> Call:
    """Return an authenticated call.

    Raises SlackRefusal: not_authed, those of installation_of, and for an organisation's token team_not_found and
    missing_argument.
    """
    if not args.token:
        raise SlackRefusal("not_authed")
    installation = installation_of(slack.store, args.token)
    workspace = _workspace(slack.store, installation, method, args)
    return Call(method, slack, workspace, args, installation)


def _workspace(store: SandboxStore, installation: Installation, method: str, args: Arguments) -> Workspace:
    if not installation.org_wide:
        found = store.workspaces.by_team(installation.team_id or "")
        assert found is not None, "installations are made in workspaces that exist"
        return found
    enterprise = store.workspaces.enterprise(installation.enterprise_id)
    assert enterprise is not None, "installations are made in organisations that exist"
    members = store.workspaces.of_enterprise(enterprise.enterprise_id)
    team_id = args.text("team_id") or _team_of(store, members, args)
    if not team_id:
        if method in TEAM_NEEDED:
            raise SlackRefusal("missing_argument", "[ERROR] missing required field: team_id", argument="team_id")
        # The organisation itself, seen as a workspace.
        seen = replace(members[0], team_id=enterprise.enterprise_id, name=enterprise.name, slug=members[0].slug + ".enterprise")
    else:
        seen = next((member for member in members if member.team_id == team_id), None) or _refuse()
    return seen_by_organisation(seen, enterprise)


def _refuse() -> Workspace:
    raise SlackRefusal("team_not_found")


def _team_of(store: SandboxStore, members: list[Workspace], args: Arguments) -> str:
    """Return the workspace that a channel or person of the call belongs to, or ""."""
    for name in ("channel", "channel_id"):
        if value := args.text(name):
            # A channel that none of them sees is refused as such by the method.
            return next((m.team_id for m in members if store.workspaces.channel(m.team_id, value)), members[0].team_id)
    if user := args.text("user"):
        return next((m.team_id for m in members if store.workspaces.person(m.team_id, user)), members[0].team_id)
    return ""
