"""Answers that grow before the reader's eyes: what a channel that can show them offers, and the values that cross.

Two ways. `native`: the provider has streams, to which text is appended until they are stopped. `edit`: a message is posted
and replaced by longer ones. A message that was a stream is edited as well, once it has been stopped or has died.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from konstruct.channels.port import Credential, Failed, Post, Retry, Sent, Target, Unknown

Way = Literal["native", "edit"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The message is there, but takes no more text: its stream was stopped, or the provider ended it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Growing:
    """The message cannot be edited, because its stream has not been stopped."""

    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """The message is not there any more, or can never be changed again."""

    reason: str


StreamOutcome = Sent | Retry | Unknown | Failed | Ended | Growing | Gone
"""What a call came to. `Sent` names the message."""
Found = Sent | Retry | Failed | None
"""What a look-up came to; None: there is no such message."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """In whose name an account speaks, as far as it is known."""

    bot_user_id: str | None
    app_id: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A message that people see already."""

    target: Target
    external_id: str


@runtime_checkable
class Edits(Protocol):
    """A channel whose messages can be replaced."""

    stream_methods: Mapping[str, str]
    """Which of the provider's methods each call of these protocols counts against, by the call's name."""

    def growing(self, text: str, participants: Set[str]) -> str:
        """Return the beginning of `text` that is safe to show while more of it may come. Pure.

        It mentions nobody but `participants`, whatever follows; and the first part of the finished text begins with it,
        unless what follows changes how the text is cut into parts.
        """

    async def begin(self, target: Target, text: str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """Post the beginning of an answer, as a message that will be edited. It carries no delivery's id: it proves none."""

    async def edit(self, shown: Shown, post: Post | str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """Replace what the message says: by a whole part with its delivery's id, or by a text on its way. Idempotent."""

    async def remove(self, shown: Shown, credential: Credential, timeout_s: float) -> StreamOutcome:
        """Take the message away."""

    async def find_begun(
        self, target: Target, speaker: Speaker, after: datetime, known: Set[str], credential: Credential
    ) -> Found:
        """Look for a message of ours in its place that is younger than `after` (the provider's time), carries no delivery's
        id and is none of `known`: the last resort when nobody knows whether an answer was begun."""


@runtime_checkable
class Streams(Edits, Protocol):
    """A channel with streams of its own."""

    async def open(self, target: Target, reader_id: str, text: str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """Begin a message that grows, with its first text, for one person in particular."""

    async def append(self, shown: Shown, text: str, credential: Credential, timeout_s: float) -> StreamOutcome:
        """Add text to it."""

    async def stop(
        self, shown: Shown, credential: Credential, timeout_s: float, *, rest: str = "", post: Post | None = None
    ) -> StreamOutcome:
        """Let it grow no more: as it stands, or with the `rest` of `post` and its delivery's id."""
