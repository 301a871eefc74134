"""The state machine alone: any chunking of any text, any outcomes of Slack's; the whole text stands there once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from hypothesis import example, given, settings
from hypothesis import strategies as st

from konstruct.channels.port import Credential, Failed, Post, Retry, Sent, Target, Unknown
from konstruct.channels.port_streams import Ended, Growing, Shown, StreamOutcome, Streams
from konstruct.channels.slack.growing import growing
from konstruct.channels.slack.render import texts
from konstruct.channels.slack.streams import SlackStreams
from konstruct.channels.stream_finish import finish
from konstruct.channels.stream_machine import Append, Edit, Machine, Open, Pace, Phase, Stop, Wait
from konstruct.db.scope import TenantScope
from tests.channels.properties import CALM
from tests.support.inert import PEOPLE, assert_inert

PACE = Pace(first_s=2.0, early_s=1.0, early_chars=40, roll_s=60.0)
TARGET = Target("D1", "1.000001", PEOPLE)
CREDENTIAL = Credential(TenantScope(UUID(int=1)), UUID(int=2), "T1", "xoxb")
WORDS = st.sampled_from(
    [*"word <@U1> <@U9> <!channel> @here & < &lt; \\ é 😀 `x` ``` ~~~ | \n \n\n ".split(" "), " ", " ", "\n", "\n```\n", "a" * 30]
)
TEXTS = st.lists(WORDS, min_size=1, max_size=40).map(" ".join)
FATES = st.sampled_from(["done", "done", "done", "lost", "lost, but done", "busy", "dead"])


_CALLS: dict[type, str] = {Open: "open", Append: "append", Stop: "stop", Edit: "edit"}


class Wire(SlackStreams):
    """A Slack with one message, whose calls come to what was drawn. What is lost may have been done."""

    def __init__(self, fates: list[str]) -> None:
        self.fates = fates
        self.text: str | None = None
        self.alive = False
        self.seen: list[str] = []

    def carry_out(self, change: str, text: str) -> StreamOutcome:
        fate = self.fates.pop() if self.fates else "done"
        if fate == "busy":
            return Retry(1.0, "ratelimited", "channel")
        if fate == "dead":
            self.alive = False
        if fate == "lost":
            return Unknown("timeout")
        outcome = self._change(change, text)
        return Unknown("timeout") if fate == "lost, but done" else outcome

    def _change(self, change: str, text: str) -> StreamOutcome:
        if change in ("append", "stop") and not self.alive:
            return Ended("message_not_in_streaming_state")
        if change == "edit" and self.alive:
            return Growing("streaming_state_conflict")
        self.text = text if change in ("open", "edit") else (self.text or "") + text
        self.alive = change in ("open", "append")
        self.seen.append(self.text)
        return Sent("2.000001")

    async def stop(self, *_names: Any, rest: str = "", post: Post | None = None) -> StreamOutcome:
        return self.carry_out("stop", rest)

    async def edit(self, shown: Shown, post: Post | str, credential: Credential, timeout_s: float) -> StreamOutcome:
        return self.carry_out("edit", post if isinstance(post, str) else post.text)


def _grow(machine: Machine, wire: Wire, pieces: list[str], beats: list[float]) -> None:
    now = 0.0
    for number, piece in enumerate(pieces):
        now += beats[number % len(beats)]
        machine.take(piece, now)
        action, before = machine.next(now), machine.shown
        if isinstance(action, Wait):
            continue
        machine.begun(action)
        text = "" if isinstance(action, Stop) else action.text
        outcome = wire.carry_out(_CALLS[type(action)], text)
        machine.done(action, outcome, now, before)


async def _end(machine: Machine, wire: Wire, post: Post) -> Any:
    """What the sender does, again and again."""
    shown = machine.shown
    rest = None if shown is None or not post.text.startswith(shown) else post.text[len(shown) :]
    for _ in range(60):
        outcome = await finish(wire, Shown(TARGET, "2.000001"), post, rest, wire_grows(machine), CREDENTIAL, lambda: 5.0)
        if isinstance(outcome, Sent):
            return outcome
        assert isinstance(outcome, Retry | Failed)
        rest = None
    raise AssertionError("it comes to no end")


def wire_grows(machine: Machine) -> bool:
    """Whether the row would say that it grows."""
    return machine.phase is not Phase.STILL


@settings(CALM, max_examples=400)
@given(
    TEXTS,
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.lists(st.floats(0, 9), min_size=1),
    st.lists(FATES, max_size=20),
)
@example("one two three four five six", [4], [2.0], ["lost, but done", "done"])
async def test_whatever_happens_the_whole_text_stands_there_once(
    text: str, sizes: list[int], beats: list[float], fates: list[str]
) -> None:
    wire = Wire(fates)
    machine = Machine("native", PACE, lambda so_far: growing(so_far, PEOPLE))
    pieces, at, number = [], 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        pieces.append(text[at : at + size])
        at, number = at + size, number + 1
    _grow(machine, wire, pieces, beats)
    for seen in wire.seen:
        assert_inert(seen)
    parts = texts(text, PEOPLE)
    # Where it is not known whether it was begun, the echo or the history tells; where nothing was, it is posted as ever.
    if parts and wire.text is not None:
        assert isinstance(wire, Streams)
        await _end(machine, wire, Post(UUID(int=3), TARGET, parts[0]))
        assert wire.text == parts[0] and not wire.alive


@settings(CALM, max_examples=400)
@given(TEXTS)
def test_what_is_shown_on_the_way_is_only_ever_added_to(text: str) -> None:
    parts = texts(text, PEOPLE)
    before = ""
    for end in range(len(text) + 1):
        shown = growing(text[:end], PEOPLE)
        assert shown.startswith(before) and (parts[0] if parts else "").startswith(shown)
        assert_inert(shown)
        before = shown
