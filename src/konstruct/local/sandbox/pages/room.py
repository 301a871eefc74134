"""The page of one conversation: a channel, or the direct messages and the Home tab of the employee."""

from __future__ import annotations

from typing import Literal

from fastapi.responses import HTMLResponse

from konstruct.local.sandbox.audience import audience
from konstruct.local.sandbox.businesses import BUSINESSES
from konstruct.local.sandbox.model import Channel, Workspace
from konstruct.local.sandbox.pages.render import page
from konstruct.local.sandbox.pages.surfaces import dialog_html, home_html, prompts_html
from konstruct.local.sandbox.pages.views import Cast, people_views, threads_of
from konstruct.local.sandbox.store import SandboxStore

Tab = Literal["home", "messages"]


def room_page(store: SandboxStore, workspace: Workspace, channel_id: str, speaker_id: str, tab: Tab) -> HTMLResponse | None:
    """Return the page of one channel as one person sees it, or None where this workspace has no such channel."""
    seq = store.messages.last_seq()
    channel = store.workspaces.channel(workspace.team_id, channel_id)
    people = store.workspaces.people(workspace.team_id)
    if channel is None or not people:
        return None
    speaker_id = channel.user_id or speaker_id
    speaker = next((person for person in people if person.user_id == speaker_id), people[0])
    business = next((b for b in BUSINESSES if b.workspace.team_id == workspace.team_id), None)
    return page(
        "room.html",
        workspace=workspace,
        channel=channel,
        channels=store.workspaces.channels(workspace.team_id),
        direct=store.workspaces.direct(workspace.team_id, speaker.user_id),
        directs={person.user_id: store.workspaces.direct(workspace.team_id, person.user_id) for person in people},
        people=people_views(people),
        speaker=speaker,
        employee=Cast.of(store, workspace).employee,
        connected=audience(store, workspace) is not None,
        sides=_sides(store, workspace, channel),
        prompts=business.prompts if business else (),
        tab=tab if channel.kind == "im" else "messages",
        home=home_html(store, workspace, speaker.user_id) if tab == "home" else "",
        dialog=dialog_html(store, workspace, speaker.user_id),
        offered=prompts_html(store, channel.channel_id),
        threads=threads_of(store, workspace, channel, speaker.user_id),
        seq=seq,
    )


def _sides(store: SandboxStore, workspace: Workspace, channel: Channel) -> list[str]:
    """Return the names of the other workspaces that see a channel."""
    if not channel.shared_with:
        return []
    others = (team for team in (channel.team_id, *channel.shared_with) if team != workspace.team_id)
    return [found.name for found in map(store.workspaces.by_team, others) if found]
