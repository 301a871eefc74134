"""The nouns of the simulated Slack, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from konstruct.db.scope import TenantScope


@dataclass(frozen=True, slots=True)
class Enterprise:
    """An Enterprise Grid organisation. Installed for the whole organisation, the app's bot has an id of its own (`W…`)."""

    enterprise_id: str
    name: str
    bot_user_id: str
    bot_id: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """One business's Slack workspace, and the employee (a bot user) that is or may be installed in it."""

    team_id: str
    slug: str
    name: str
    about: str
    app_id: str
    bot_user_id: str
    bot_id: str
    bot_token: str = field(repr=False)
    """The token of an installation made by hand, without OAuth; "" where there is none."""
    employee: str
    employee_role: str
    tint: int = 1
    """Colour of its monogram, 1 to 6."""
    enterprise_id: str | None = None
    """The Grid organisation that it belongs to."""
    admins_install: bool = False
    """Whether only its admins may install apps."""


@dataclass(frozen=True, slots=True)
class Person:
    """A human member of a workspace. On a Grid the same person, under the same id (`W…`), is a member of several."""

    team_id: str
    user_id: str
    name: str
    role: str
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A public channel, or the direct channel between one person (`user_id`) and the employee."""

    channel_id: str
    team_id: str
    kind: Literal["channel", "im"]
    name: str
    topic: str = ""
    user_id: str | None = None
    archived: bool = False
    has_bot: bool = True
    """Whether the employee is a member, seen from the workspace that asked."""
    shared_with: tuple[str, ...] = ()
    """The other workspaces (team ids) that see a Slack Connect channel; `team_id` stays its owner."""


StreamState = Literal["in_progress", "completed", "errored"]


@dataclass(frozen=True, slots=True)
class Stream:
    """How a streamed message stands. `started_at`: simulated Unix seconds."""

    state: StreamState
    """`errored`: it outlived its time and shows as broken, whatever was still written to it."""
    started_at: float
    mode: Literal["timeline", "plan"] = "timeline"
    plan: str | None = None
    """The plan's title."""
    tasks: tuple[dict[str, Any], ...] = ()
    """Task updates as the app sent them last, one per id, in the order they first came."""
    recipient_user_id: str | None = None

    @property
    def ends_at(self) -> float:
        """The simulated time at which it breaks unless it is stopped before."""
        return self.started_at + STREAM_S


STREAM_S = 300.0
"""How long a stream lives, however busy it is."""


@dataclass(frozen=True, slots=True)
class Message:
    """One post. `ts` is Slack's: seconds with six decimals, unique in its channel, and also the post's id."""

    channel_id: str
    ts: str
    user_id: str
    from_bot: bool
    text: str
    """Slack's escaped text (`&amp;`, `<@U…>`): the whole message, or the fallback where `markdown` is set."""
    markdown: str | None = None
    """What a bot sent as markdown: shown instead of `text`."""
    thread_ts: str | None = None
    """The root of its thread; None for a root itself."""
    blocks: tuple[dict[str, Any], ...] = ()
    metadata: dict[str, Any] | None = None
    client_msg_id: str | None = None
    edited: bool = False
    team_id: str | None = None
    """The workspace that its author spoke from; None for what an earlier version stored."""
    bot_id: str | None = None
    stream: Stream | None = None
    files: tuple[dict[str, Any], ...] = ()
    """The files that were shared with it, as the Web API shows them."""

    @property
    def root_ts(self) -> str:
        """The root of the thread that this message is in; its own ts where it is the root."""
        return self.thread_ts or self.ts


@dataclass(frozen=True, slots=True)
class Change:
    """Something that an open page has to show: the thread `root_ts` of a channel looks different now.

    A person's dialogs and Home tab have places of their own instead of a channel: see interactions.
    """

    seq: int
    team_id: str
    channel_id: str
    root_ts: str


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a person shared or the app uploaded, without its bytes. `made_at`: simulated Unix seconds."""

    file_id: str
    team_id: str
    user_id: str
    name: str
    title: str
    mimetype: str
    size: int
    channel_id: str | None
    """Where it was shared; None until then."""
    made_at: float
    arrived: bool
    """Whether its bytes are here."""


@dataclass(frozen=True, slots=True)
class Status:
    """What the employee is doing in a thread, shown until `until` (simulated Unix seconds) or its next message."""

    text: str
    until: float
    loading_messages: tuple[str, ...] = ()
    """What a client shows in turn beside it."""


@dataclass(frozen=True, slots=True)
class ThreadMarks:
    """What the app gave a thread: a title, and prompts (`title`, `message`) that a click sends."""

    title: str | None = None
    prompts: tuple[dict[str, str], ...] = ()
    prompts_title: str | None = None


@dataclass(frozen=True, slots=True)
class AcceptedPost:
    """A write that the Web API accepted, for tests and benchmarks to count. `received_at`: Unix seconds."""

    id: int
    method: str
    team_id: str
    channel: str
    thread_ts: str | None
    ts: str
    text: str
    metadata: dict[str, Any] | None
    received_at: float


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event on its way to the app's webhook, kept until the app took it or the last retry failed."""

    event_id: str
    team_id: str
    channel_id: str
    root_ts: str
    body: bytes
    attempts: int = 0
    reason: str | None = None
    """Why the last attempt failed, as Slack words it in X-Slack-Retry-Reason."""
    heard: bool = True
    """Whether the installation may hear it at all; what it may not is never sent."""
    wire: str = "slack"
    """To which of the app's webhooks it goes, with whose signature."""


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail that the embedded instance sent. `sent_at`: Unix seconds."""

    id: int
    recipient: str
    subject: str
    text: str
    sent_at: float


@dataclass(frozen=True, slots=True)
class SeededTenant:
    """The tenant that the seed made for a workspace; `finished` once it has its documents and account."""

    scope: TenantScope
    finished: bool
