"""What a business must look like: a model of one tenant in plain Python, which knows nothing of any other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.tenants.members_repository import Member

View = dict[str, Any]
MAILS = 5
"""Most sign-in mails for one member within a quarter of an hour."""


@dataclass
class Line:
    """One message of a conversation."""

    seq: int
    direction: str
    author: str
    text: str
    state: str
    post: int | None = None
    """The number of the person's post."""
    unseen: bool = False
    """Answered, but nothing of the answer was shown."""


@dataclass
class Pending:
    """A delivery that waits."""

    kind: str
    epoch: int
    text: str


@dataclass
class Letter:
    """A dead letter: an answer that the channel refused."""

    kind: str
    epoch: int
    text: str
    resolution: str | None = None


@dataclass
class Talk:
    """One conversation."""

    key: str
    id: UUID | None = None
    owner: str = "ai"
    epoch: int = 0
    next_seq: int = 1
    lines: list[Line] = field(default_factory=list)
    outbox: list[Pending] = field(default_factory=list)
    letters: dict[UUID, Letter] = field(default_factory=dict)
    notes: dict[UUID, str] = field(default_factory=dict)

    def add(self, direction: str, author: str, text: str, state: str, post: int | None = None) -> None:
        self.lines.append(Line(self.next_seq, direction, author, text, state, post))
        self.next_seq += 1

    def say(self, author: str, text: str, kind: str) -> None:
        self.add("out", author, text, "sent")
        self.outbox.append(Pending(kind, self.epoch, text))

    def again(self, letter: Letter) -> Pending:
        return Pending(letter.kind, letter.epoch, letter.text)

    def asked(self) -> list[Line]:
        return [line for line in self.lines if line.state == "pending"]

    def change_owner(self, owner: str, told: str) -> None:
        """A takeover or a return: what people have said goes out all the same, the employee's answers do not."""
        self.owner, self.epoch = owner, self.epoch + 1
        for line in self.lines:
            if owner == "human" and line.state == "pending":
                line.state = "human"
        for waiting in self.outbox:
            if waiting.kind in ("human", "notice") and waiting.epoch == self.epoch - 1:
                waiting.epoch = self.epoch
        self.say("ai", told, "notice")
        if owner == "ai":
            replied = max((line.seq for line in self.lines if line.author == "human"), default=0)
            for line in self.lines:
                if line.seq > replied and (line.state == "human" or (line.state == "answered" and line.unseen)):
                    line.state, line.unseen = "pending", False


@dataclass
class Notice:
    """The latest notice of one kind."""

    count: int
    state: str = "open"
    id: UUID | None = None


@dataclass
class Business:
    """Everything that may be seen of one tenant."""

    scope: TenantScope
    canary: str
    name: str
    team: str
    boss: Member
    agent_id: UUID
    account_id: UUID
    employee: str
    time_zone: str = "UTC"
    retention: int | None = None
    status: str = "active"
    connected: bool = True
    posts: int = 0
    versions: list[str] = field(default_factory=list)
    members: dict[UUID, Member] = field(default_factory=dict)
    mailed: dict[UUID, int] = field(default_factory=dict)
    links: dict[str, UUID] = field(default_factory=dict)
    sessions: dict[str, UUID] = field(default_factory=dict)
    keys: dict[UUID, tuple[str, str, bool]] = field(default_factory=dict)
    """By id: the key itself, its name, and whether it works."""
    documents: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)
    talks: dict[str, Talk] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    """Keys of Valkey."""
    shown: list[str] = field(default_factory=list)
    """What its workspace has been shown, in order."""

    @property
    def active(self) -> bool:
        return self.status == "active"

    def raised(self, kind: str) -> Notice:
        known = self.notices.get(kind)
        if known is None or known.state == "person":
            known = self.notices[kind] = Notice(1)
        else:
            known.count, known.state = known.count + 1, "open"
        return known

    def settled(self, kind: str) -> None:
        known = self.notices.get(kind)
        if known is not None and known.state == "open":
            known.state = "itself"

    def letters(self) -> dict[UUID, tuple[Talk, Letter]]:
        return {key: (talk, letter) for talk in self.talks.values() for key, letter in talk.letters.items()}

    def turn(self, talk: Talk) -> bool:
        """The employee answers what is asked; return whether anything was."""
        asked = talk.asked()
        if talk.owner != "ai" or not asked:
            return False
        for line in asked:
            line.state, line.unseen = "answered", not self.connected
        talk.say("ai", answer_to([line.text for line in asked]), "reply")
        return True

    def send(self, talk: Talk, *, refuses: bool) -> list[Letter]:
        """What waits is shown, or refused by the channel; return the dead letters that this made."""
        going = [waiting for waiting in talk.outbox if self.connected and waiting.epoch == talk.epoch]
        talk.outbox.clear()
        if not refuses:
            self.shown += [waiting.text for waiting in going]
            return []
        for _ in going:
            self.raised("delivery_failed")
        return [Letter(waiting.kind, waiting.epoch, waiting.text) for waiting in going]

    def view(self) -> View:
        """Return what the database must show inside this tenant's scope."""
        talks = {key: talk for key, talk in self.talks.items() if talk.id is not None}
        return {
            "tenant": [[self.name, self.time_zone, self.retention, self.status]],
            "employee": [[self.employee, len(self.versions), self.versions[-1]]],
            "members": _sorted([str(m.id), m.name, m.email, m.role] for m in self.members.values()),
            "sessions": _sorted([str(member)] for member in self.sessions.values()),
            "links": _sorted([str(member)] for member in self.links.values()),
            "keys": _sorted([str(key), name, works] for key, (_, name, works) in self.keys.items()),
            "documents": _sorted([str(key), title, text] for key, (title, text) in self.documents.items()),
            "notices": _sorted([kind, notice.count] for kind, notice in self.notices.items() if notice.state == "open"),
            "accounts": [[self.team, "active" if self.connected else "disconnected"]],
            "routes": [[self.team]] if self.connected else [],
            "talks": _sorted([key, talk.owner, talk.epoch, talk.next_seq] for key, talk in talks.items()),
            "lines": _sorted(
                [key, line.seq, line.direction, line.author, line.text, line.state]
                for key, talk in talks.items()
                for line in talk.lines
            ),
            "notes": _sorted([key, text] for key, talk in talks.items() for text in talk.notes.values()),
            "letters": _sorted([key, x.kind, x.resolution] for key, talk in talks.items() for x in talk.letters.values()),
            "secrets": 1 if self.connected else 0,
        }


def answer_to(texts: list[str]) -> str:
    """Return what the employee says to a burst of messages."""
    return "heard: " + " / ".join(texts)


def _sorted(rows: Any) -> list[Any]:
    return sorted(rows, key=repr)
