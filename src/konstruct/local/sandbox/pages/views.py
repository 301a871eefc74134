"""View models: what the templates show, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup

from konstruct.local.sandbox.model import Channel, Message, Person, Workspace
from konstruct.local.sandbox.pages.blocks_html import message_html
from konstruct.local.sandbox.speaking import names_of
from konstruct.local.sandbox.store import SandboxStore

ROOTS_SHOWN = 100
TINTS = 6


@dataclass(frozen=True, slots=True)
class Face:
    """Somebody's name, role and avatar."""

    name: str
    role: str
    initials: str
    tint: int
    is_employee: bool = False


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message."""

    ts: str
    face: Face
    html: Markup
    when: str
    """ISO 8601, UTC."""
    edited: bool


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A message, its replies, and what goes on in it now."""

    channel_id: str
    ts: str
    root: MessageView
    replies: Sequence[MessageView]
    status: str | None
    status_until: float | None
    """Unix second at which the status ends by itself."""
    untaken: bool
    """Whether the app has refused or missed one of the events so far."""
    employee: Face


def face_of(name: str, role: str, tint: int, is_employee: bool = False) -> Face:
    """Return the avatar of somebody; `tint` picks one of the six colours."""
    words = name.split()
    initials = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return Face(name, role, initials.upper(), tint % TINTS + 1, is_employee)


@dataclass(frozen=True, slots=True)
class Cast:
    """Everybody in a workspace."""

    names: Mapping[str, str]
    faces: Mapping[str, Face]
    employee: Face

    @classmethod
    def of(cls, store: SandboxStore, workspace: Workspace) -> Cast:
        """Return the cast of a workspace."""
        people = store.workspaces.people(workspace.team_id)
        faces = {person.user_id: face_of(person.name, person.role, index) for index, person in enumerate(people)}
        employee = face_of(workspace.employee, workspace.employee_role, 0, is_employee=True)
        return cls(names_of(store, workspace), {**faces, workspace.bot_user_id: employee}, employee)


def threads_of(store: SandboxStore, workspace: Workspace, channel: Channel) -> list[ThreadView]:
    """Return the latest threads of a channel, oldest first."""
    return _threads(store, workspace, channel, store.messages.roots(channel.channel_id, ROOTS_SHOWN))


def thread_of(store: SandboxStore, workspace: Workspace, channel: Channel, root_ts: str) -> ThreadView | None:
    """Return one thread, or None where its root is gone."""
    root = store.messages.get(channel.channel_id, root_ts)
    return _threads(store, workspace, channel, [root])[0] if root else None


def _threads(store: SandboxStore, workspace: Workspace, channel: Channel, roots: list[Message]) -> list[ThreadView]:
    cast = Cast.of(store, workspace)
    replies: dict[str, list[MessageView]] = {root.ts: [] for root in roots}
    for message in store.messages.replies(channel.channel_id, list(replies)):
        replies[message.root_ts].append(_view(message, cast))
    statuses = store.threads.statuses(channel.channel_id)
    untaken = store.outbox.untaken_threads(channel.channel_id)
    views = []
    for root in roots:
        status = statuses.get(root.ts)
        view = ThreadView(
            channel_id=channel.channel_id,
            ts=root.ts,
            root=_view(root, cast),
            replies=replies[root.ts],
            # Slack shows three moving dots of its own after the text.
            status=status.text.rstrip(" .…") if status else None,
            status_until=status.until - store.control.offset_s() if status else None,
            untaken=root.ts in untaken,
            employee=cast.employee,
        )
        views.append(view)
    return views


def _view(message: Message, cast: Cast) -> MessageView:
    html = (
        message_html(message.text, "mrkdwn", cast.names)
        if message.markdown is None
        else message_html(message.markdown, "markdown", cast.names)
    )
    when = datetime.fromtimestamp(float(message.ts), UTC).isoformat(timespec="seconds")
    return MessageView(message.ts, cast.faces.get(message.user_id) or face_of("Unknown", "", 0), html, when, message.edited)


def people_views(people: Sequence[Person]) -> list[tuple[Person, Face]]:
    """Return each person with their avatar."""
    return [(person, face_of(person.name, person.role, index)) for index, person in enumerate(people)]
