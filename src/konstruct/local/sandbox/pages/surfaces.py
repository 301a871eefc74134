"""A person's dialog and Home tab as HTML."""

from __future__ import annotations

from konstruct.local.sandbox.model import Workspace
from konstruct.local.sandbox.pages.render import fragment
from konstruct.local.sandbox.pages.views import Cast, Seen
from konstruct.local.sandbox.store import SandboxStore


def dialog_html(store: SandboxStore, workspace: Workspace, user_id: str) -> str:
    """Return the dialog that a person sees, or "" for none."""
    view = store.interactions.dialog(workspace.team_id, user_id)
    if view is None:
        return ""
    cast = Cast.of(store, workspace)
    place = Seen(store, cast, workspace, user_id).place(view=view.view_id)
    return fragment("_dialog.html", view=view, names=cast.names, place=place)


def home_html(store: SandboxStore, workspace: Workspace, user_id: str) -> str:
    """Return a person's Home tab."""
    view = store.interactions.home(workspace.team_id, user_id)
    cast = Cast.of(store, workspace)
    place = Seen(store, cast, workspace, user_id).place(view=view.view_id if view else "")
    return fragment("_home.html", view=view, names=cast.names, place=place, employee=cast.employee)


def prompts_html(store: SandboxStore, channel_id: str) -> str:
    """Return the prompts that the app offers at the top of a direct conversation, or "" for none."""
    return fragment("_prompts.html", marks=store.threads.marks(channel_id, ""), thread_ts="").strip()
