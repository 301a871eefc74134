"""Which installation of the app hears of something that happens in a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.model import Channel, Enterprise, Workspace
from konstruct.local.sandbox.store import SandboxStore


@dataclass(frozen=True, slots=True)
class Audience:
    """An installation that hears, and the workspace through which it does."""

    workspace: Workspace
    """With the bot's ids as the installation has them: on a Grid that may be the organisation's."""
    installation: Installation

    @property
    def authorization(self) -> Mapping[str, Any]:
        """Return the entry of an envelope's `authorizations`."""
        return {
            "enterprise_id": self.workspace.enterprise_id,
            "team_id": None if self.installation.org_wide else self.workspace.team_id,
            "user_id": self.workspace.bot_user_id,
            "is_bot": True,
            "is_enterprise_install": self.installation.org_wide,
        }


def audience(store: SandboxStore, workspace: Workspace) -> Audience | None:
    """Return who hears what happens in a workspace outside any channel; None where the app is not installed."""
    installation = store.installations.of_team(workspace.team_id, workspace.enterprise_id)
    if installation is None:
        return None
    enterprise = store.workspaces.enterprise(workspace.enterprise_id) if installation.org_wide else None
    return Audience(seen_by_organisation(workspace, enterprise) if enterprise else workspace, installation)


def channel_audience(store: SandboxStore, workspace: Workspace, channel: Channel) -> Audience | None:
    """Return who hears what somebody of `workspace` does in a channel; None where no employee is a member.

    A channel that several workspaces with the app share is heard once, as in Slack: in the workspace where it happens, if
    the employee is a member from there, else in the owner's, else in another's.
    """
    for team_id in dict.fromkeys((workspace.team_id, channel.team_id, *channel.shared_with)):
        seen, there = store.workspaces.channel(team_id, channel.channel_id), store.workspaces.by_team(team_id)
        if seen is not None and seen.has_bot and there is not None and (found := audience(store, there)):
            return found
    return None


def seen_by_organisation(workspace: Workspace, enterprise: Enterprise) -> Workspace:
    """Return a workspace with the bot of its organisation-wide installation."""
    return replace(workspace, bot_user_id=enterprise.bot_user_id, bot_id=enterprise.bot_id)
