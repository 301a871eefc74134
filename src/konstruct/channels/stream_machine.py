"""What is done next with an answer that grows: a state machine without clock, network or database.

It is fed the model's pieces and the outcome of each call, and says which call is due. It never says anything twice: what it
is not sure of is not built upon, but replaced as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from konstruct.channels.port import Failed, Retry, Sent, Unknown
from konstruct.channels.port_streams import Ended, Gone, Growing, StreamOutcome, Way


@dataclass(frozen=True, slots=True)
class Pace:
    """When an answer is shown while it grows; in seconds and characters."""

    first_s: float = 0.8
    """An answer that is over sooner stays one plain post."""
    early_s: float = 0.3
    early_chars: int = 256
    """Or than that, if it has so much to show already."""
    gap_s: float = 1.0
    """Between two appends. Slack takes 100 a minute, and more make no difference to a reader."""
    edit_s: float = 3.0
    """Between two edits, each of which carries the whole text."""
    roll_s: float = 240.0
    """A stream is given up at this age: Slack ends it at about 300 s, whatever is appended, and leaves it unreadable."""
    open_s: float = 5.0
    """For the call that begins a message: nobody may be left in doubt for long whether it shows."""
    call_s: float = 4.0
    """For any other call."""
    linger_s: float = 1.0
    """How long the whole answer waits for a call that adds to its beginning. Then it is replaced, whatever became of that."""
    most_chars: int = 11_000
    """No more is shown while it grows: the finished text is cut into parts, and this is less than the first."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing is due before `seconds` are over (None: before there is news)."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """Begin the message with this text."""

    text: str
    way: Way


@dataclass(frozen=True, slots=True)
class Append:
    """Add this text to the stream."""

    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Let the stream grow no more; edits follow."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the message's text by this one."""

    text: str


Action = Wait | Open | Append | Stop | Edit


class Phase(Enum):
    """What is there to be seen of the answer."""

    NOTHING = "nothing"
    OPENING = "opening"
    """The call is under way, or nobody knows what came of it."""
    GROWING = "growing"
    STILL = "still"
    """A message that is no stream (any more): it can be edited."""


_UNSUPPORTED = frozenset({"feature_not_enabled", "unknown_method", "method_deprecated", "channel_type_not_supported"})
"""Slack has no streams here: post and edit instead."""


STOPPED_BY_READER = "stopped_by_user"


class Machine:
    """One answer of one turn. `growing` returns the safe beginning of a text (see `Edits.growing`)."""

    def __init__(self, way: Way, pace: Pace, growing: Callable[[str], str]) -> None:
        self.phase = Phase.NOTHING
        self.shown: str | None = ""
        """What people see, for certain; None: some beginning or other."""
        self.resting = False
        """Whether nothing more is shown before the answer is whole."""
        self._way = way
        self._pace = pace
        self._growing = growing
        self._pieces: list[str] = []
        self._length = 0
        self._first_at: float | None = None
        self._opened_at = 0.0
        self._due_at = 0.0

    def resume(self, phase: Phase) -> None:
        """Go on with a message that somebody else began: nobody knows exactly what it says."""
        self.phase, self.shown = phase, None
        self.resting = phase is Phase.OPENING

    def take(self, piece: str, now: float) -> None:
        """The model said more."""
        self._pieces.append(piece)
        self._length += len(piece)
        if self._first_at is None:
            self._first_at = now

    def again(self) -> None:
        """The model begins another text: what it said before is no part of the answer."""
        self._pieces.clear()
        self._length = 0
        self._first_at = None

    def next(self, now: float) -> Action:
        """Return what is due."""
        if self.resting or self.phase is Phase.OPENING or self._first_at is None:
            return Wait()
        due_at = max(self._due_at, self._ripe_at() if self.phase is not Phase.GROWING else 0.0)
        if now < due_at:
            return Wait(due_at - now)
        if self.phase is Phase.GROWING and now - self._opened_at >= self._pace.roll_s:
            return Stop()
        text = self._growing("".join(self._pieces))
        if len(text) > self._pace.most_chars:
            self.resting = True
            return Wait()
        return self._show(text)

    def _ripe_at(self) -> float:
        assert self._first_at is not None
        early = self._length >= self._pace.early_chars
        return self._first_at + (self._pace.early_s if early else self._pace.first_s)

    def _show(self, text: str) -> Action:
        if not text or text == self.shown:
            # A word that is not whole yet; the next piece says more.
            return Wait()
        if self.phase is Phase.NOTHING:
            return Open(text, self._way)
        if self.phase is Phase.STILL:
            return Edit(text)
        if self.shown is None or not text.startswith(self.shown):
            return Stop()
        return Append(text[len(self.shown) :])

    def begun(self, action: Action) -> None:
        """The call is about to be made."""
        if isinstance(action, Open):
            self.phase = Phase.OPENING
        elif isinstance(action, Append | Edit):
            # Until its outcome is known, nobody knows what people see.
            self.shown = None

    def done(self, action: Action, outcome: StreamOutcome, now: float, before: str | None) -> None:
        """The call came to `outcome`; `before` is what was `shown` before it."""
        self._due_at = now + (self._pace.edit_s if self.phase is Phase.STILL else self._pace.gap_s)
        if isinstance(action, Open):
            self._opened(action, outcome, now)
        elif isinstance(outcome, Retry):
            # Certainly not done. What is to be shown is kept, and shown a beat later.
            self.shown = before
            self._due_at = max(self._due_at, now + outcome.after_s)
        elif isinstance(action, Append):
            self._appended(action, outcome, before)
        elif isinstance(action, Stop):
            self._stopped(outcome)
        elif isinstance(action, Edit):
            self._edited(action, outcome)

    def not_made(self, action: Action, before: str | None, due_at: float) -> None:
        """The call was not made after all, and is not due before `due_at`."""
        self.shown = before
        if isinstance(action, Open):
            self.phase = Phase.NOTHING
        self._due_at = max(self._due_at, due_at)

    def _opened(self, action: Open, outcome: StreamOutcome, now: float) -> None:
        if isinstance(outcome, Sent):
            self.phase = Phase.GROWING if action.way == "native" else Phase.STILL
            self.shown, self._opened_at = action.text, now
            return
        if isinstance(outcome, Unknown):
            self.shown, self.resting = None, True
            return
        self.phase = Phase.NOTHING
        if isinstance(outcome, Failed) and outcome.reason in _UNSUPPORTED and action.way == "native":
            self._way = "edit"
        else:
            self.resting = True

    def _appended(self, action: Append, outcome: StreamOutcome, before: str | None) -> None:
        match outcome:
            case Sent():
                self.shown = (before or "") + action.text
            case Ended(reason):
                self.phase, self.shown = Phase.STILL, None
                # Somebody who pressed "stop" is spared the growing; the whole answer still comes, for it was asked for.
                self.resting = reason == STOPPED_BY_READER
            case Unknown():
                # Whether it stands there is not known: the whole text will replace what does.
                self.shown = None
            case _:
                self.shown, self.resting = None, True

    def _stopped(self, outcome: StreamOutcome) -> None:
        if isinstance(outcome, Failed | Gone):
            self.resting = True
        else:
            self.phase, self.shown = Phase.STILL, None

    def _edited(self, action: Edit, outcome: StreamOutcome) -> None:
        match outcome:
            case Sent():
                self.shown = action.text
            case Growing():
                self.phase, self.shown = Phase.GROWING, None
            case _:
                # An edit that may still come to pass must not be followed by another one of ours: the last word is the whole
                # answer's.
                self.shown, self.resting = None, True
