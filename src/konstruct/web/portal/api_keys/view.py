"""What the page of API keys shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from konstruct.kit.ids import uuid7
from konstruct.tenants.api_keys import SCOPES
from konstruct.tenants.api_keys_repository import ListedKey
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import Permission, allows

TOLD = {"revoked": "The key is revoked: it opens nothing any more."}
_WORDS = {
    Permission.VIEW_EMPLOYEE: ("Read the employee", "its instructions and every version of them"),
    Permission.EDIT_EMPLOYEE: ("Change the employee", "new versions, in force at once"),
    Permission.VIEW_KNOWLEDGE: ("Read the knowledge", "documents, their text, and searching in them"),
    Permission.EDIT_KNOWLEDGE: ("Change the knowledge", "add and delete documents"),
    Permission.VIEW_CONVERSATIONS: ("Read conversations", "messages, how answers came about, what was sent"),
    Permission.ANSWER_CONVERSATIONS: ("Answer conversations", "take over, hand back, reply in your name"),
    Permission.VIEW_CHANNELS: ("Read the channels", "which accounts are connected, and whether they work"),
    Permission.RECORD_CONSENT: ("Record consent", "who agreed to be written to first, and who wants no more messages"),
    Permission.VIEW_USAGE: ("Read the usage", "tokens and cost"),
}
LIFETIMES = (("90", "90 days"), ("30", "30 days"), ("365", "A year"), ("", "Until it is revoked"))


@dataclass(frozen=True, slots=True)
class Choice:
    """A thing that a new key may be allowed."""

    scope: str
    label: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key of the list."""

    key: ListedKey
    allowed: str
    """What it was given, in words."""
    state: str
    tone: str


@dataclass(frozen=True, slots=True)
class KeysView:
    """The page of API keys. `made` is a key that was made by this very request: it is never shown again."""

    keys: Sequence[KeyLine]
    choices: Sequence[Choice]
    made: str | None = field(default=None, repr=False)
    told: str = ""
    name: str = ""
    lifetime: str = "90"
    errors: Mapping[str, str] = field(default_factory=dict)
    form: UUID = field(default_factory=uuid7)
    """The id that the form's key will have: sent twice, it makes one key."""


def line_of(key: ListedKey) -> KeyLine:
    """Return a key as the list shows it."""
    allowed = _allowed([permission for permission in SCOPES if permission.value in key.scopes])
    if key.revoked_at is not None:
        return KeyLine(key, allowed, "revoked", "mute")
    if key.expired:
        return KeyLine(key, allowed, "expired", "warn")
    if key.creator_role is None:
        return KeyLine(key, allowed, "without effect", "warn")
    return KeyLine(key, allowed, "", "ok")


def _allowed(scopes: Sequence[Permission]) -> str:
    if len(scopes) == len(SCOPES):
        return "Read and change everything that the API reaches"
    words = [_WORDS[permission][0] for permission in scopes]
    return ", ".join([*words[:1], *(word[0].lower() + word[1:] for word in words[1:])]) or "Nothing"


def choices_of(member: Member, chosen: Sequence[str]) -> list[Choice]:
    """Return what a key made by `member` may be allowed."""
    return [
        Choice(permission.value, *_WORDS[permission], permission.value in chosen)
        for permission in SCOPES
        if allows(member.role, permission)
    ]
