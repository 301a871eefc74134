"""View models: what the templates show, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from konstruct.local.sandbox.changing import typed
from konstruct.local.sandbox.interaction_model import Ephemeral
from konstruct.local.sandbox.model import Channel, Message, Person, ThreadMarks, Workspace
from konstruct.local.sandbox.pages.blocks_html import Dialect, message_html
from konstruct.local.sandbox.pages.stream_view import StreamView, stream_view, text_stands_apart
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
    stranger_of: str = ""
    """The other workspace that somebody in a shared channel belongs to."""


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message."""

    ts: str
    face: Face
    html: Markup
    """What it says, where it has no blocks."""
    when: str
    """ISO 8601, UTC."""
    edited: bool
    blocks: Sequence[dict[str, Any]] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    """The hidden fields that say who presses what where."""
    private: bool = False
    """Whether the speaker alone sees it."""
    stream: StreamView | None = None
    text_apart: bool = False
    """Whether its text stands above its blocks."""
    typed: str | None = None
    """What the speaker typed, where the message is their own: they may change it."""


@dataclass(frozen=True, slots=True)
class ThreadView:
    """A message, its replies, and what goes on in it now."""

    channel_id: str
    ts: str
    root: MessageView
    replies: Sequence[MessageView]
    marks: ThreadMarks
    status: str | None
    loading: Sequence[str]
    """What shows in turn beside the status."""
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
    def of(cls, store: SandboxStore, workspace: Workspace, channel: Channel | None = None) -> Cast:
        """Return the cast of a workspace; in a shared `channel` also that of the other sides."""
        employee = face_of(workspace.employee, workspace.employee_role, 0, is_employee=True)
        faces, names = _faces(store, workspace), names_of(store, workspace)
        sides = (channel.team_id, *channel.shared_with) if channel else ()
        for other in filter(None, map(store.workspaces.by_team, sides)):
            if other.team_id != workspace.team_id:
                strangers = {user_id: replace(face, stranger_of=other.name) for user_id, face in _faces(store, other).items()}
                faces, names = strangers | faces, names_of(store, other) | names
        grid = store.workspaces.enterprise(workspace.enterprise_id)
        bots = {workspace.bot_user_id: employee, **({grid.bot_user_id: employee} if grid else {})}
        return cls(names, faces | bots, employee)


def _faces(store: SandboxStore, workspace: Workspace) -> dict[str, Face]:
    people = store.workspaces.people(workspace.team_id)
    bot = face_of(workspace.employee, workspace.employee_role, 0, is_employee=True)
    return {
        **{person.user_id: face_of(person.name, person.role, index) for index, person in enumerate(people)},
        workspace.bot_user_id: bot,
    }


def threads_of(store: SandboxStore, workspace: Workspace, channel: Channel, speaker_id: str) -> list[ThreadView]:
    """Return the latest threads of a channel as one person sees them, oldest first."""
    seen = _private(store, channel, speaker_id)
    roots = store.messages.roots(channel.channel_id, ROOTS_SHOWN)
    alone = [message for message in seen if message.thread_ts is None]
    everything: list[Message | Ephemeral] = [*roots, *alone]
    everything.sort(key=lambda message: message.ts)
    return _threads(store, workspace, channel, everything, speaker_id)


def thread_of(store: SandboxStore, workspace: Workspace, channel: Channel, root_ts: str, speaker_id: str) -> ThreadView | None:
    """Return one thread as one person sees it, or None where its root is gone or not for them."""
    alone = store.interactions.ephemeral(channel.channel_id, root_ts, speaker_id)
    root = store.messages.get(channel.channel_id, root_ts) or alone
    return _threads(store, workspace, channel, [root], speaker_id)[0] if root else None


def _private(store: SandboxStore, channel: Channel, speaker_id: str) -> list[Ephemeral]:
    return store.interactions.ephemerals(channel.channel_id, speaker_id)


def _threads(
    store: SandboxStore, workspace: Workspace, channel: Channel, roots: Sequence[Message | Ephemeral], speaker_id: str
) -> list[ThreadView]:
    seen = Seen(store, Cast.of(store, workspace, channel), workspace, speaker_id)
    replies: dict[str, list[MessageView]] = {root.ts: [] for root in roots}
    said: list[Message | Ephemeral] = [*store.messages.replies(channel.channel_id, list(replies))]
    said += [message for message in _private(store, channel, speaker_id) if message.thread_ts in replies]
    for message in sorted(said, key=lambda each: each.ts):
        replies[message.root_ts].append(seen.message(message))
    statuses = store.threads.statuses(channel.channel_id)
    untaken = store.outbox.untaken_threads(channel.channel_id)
    views = []
    for root in roots:
        status = statuses.get(root.ts)
        view = ThreadView(
            channel_id=channel.channel_id,
            ts=root.ts,
            root=seen.message(root),
            replies=replies[root.ts],
            marks=store.threads.marks(channel.channel_id, root.ts),
            # Slack shows three moving dots of its own after the text.
            status=status.text.rstrip(" .…") if status else None,
            loading=status.loading_messages if status else (),
            status_until=status.until - store.control.offset_s() if status else None,
            untaken=root.ts in untaken,
            employee=seen.cast.employee,
        )
        views.append(view)
    return views


@dataclass(frozen=True, slots=True)
class Seen:
    """What one person sees of messages."""

    store: SandboxStore
    cast: Cast
    workspace: Workspace
    speaker_id: str

    def message(self, message: Message | Ephemeral) -> MessageView:
        """Return a message as this person sees it."""
        names = self.cast.names
        dialect: Dialect = "mrkdwn" if message.markdown is None else "markdown"
        view = MessageView(
            ts=message.ts,
            face=self.cast.employee,
            html=message_html(message.text if message.markdown is None else message.markdown, dialect, names),
            when=datetime.fromtimestamp(float(message.ts), UTC).isoformat(timespec="seconds"),
            edited=False,
            blocks=message.blocks,
            names=names,
            place=self.place(channel=message.channel_id, ts=message.ts),
            private=isinstance(message, Ephemeral),
        )
        if isinstance(message, Ephemeral):
            return view
        face = self.cast.faces.get(message.user_id) or face_of("Unknown", "", 0)
        own = not message.from_bot and message.user_id == self.speaker_id
        return replace(
            view,
            face=face,
            edited=message.edited,
            typed=typed(message.text, dict(names)) if own else None,
            stream=stream_view(self.store, message, self.speaker_id),
            text_apart=text_stands_apart(message),
        )

    def place(self, **where: str) -> dict[str, str]:
        """Return the hidden fields of a form: who presses, and where."""
        return {"team": self.workspace.team_id, "user": self.speaker_id, **where}


def people_views(people: Sequence[Person]) -> list[tuple[Person, Face]]:
    """Return each person with their avatar."""
    return [(person, face_of(person.name, person.role, index)) for index, person in enumerate(people)]
