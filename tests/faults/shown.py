"""The verdict over a history in which some messages may end in an apology: read from the fake Slack and from SQL only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from konstruct.agents import fallbacks
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from tests.faults.plant import MARK, Plant

REASONS = (
    fallbacks.MODEL_DOWN, fallbacks.TOO_SLOW, fallbacks.EMPTY, fallbacks.TOO_LONG, fallbacks.OVER_BUDGET,
    fallbacks.TOO_MANY_STEPS, fallbacks.BROKEN,
)  # fmt: skip
SENTENCES = {fallbacks.sentence(reason) for reason in REASONS}
T = TypeVar("T", int, str)
Channel = tuple[str, str]
"""A team and one of its channels."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A post, and what it is for: the numbers of the messages whose turn made it."""

    channel: Channel
    delivery_id: str
    text: str
    ts: str
    kind: str | None
    """None: no delivery of that name."""
    state: str | None
    numbers: tuple[int, ...]
    external_id: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was acknowledged, what is stored, and what was shown; each list by channel, in its order."""

    acked: dict[Channel, list[int]]
    stored: dict[Channel, list[int]]
    shown: dict[Channel, list[Shown]]
    unfenced: int
    """Steps of a turn that were written under a later epoch than the turn's, or after one of a later epoch."""

    def faults(self) -> dict[str, list[Any]]:
        """Return everything that breaks the promise, under the name of what it breaks."""
        found: dict[str, list[Any]] = defaultdict(list)
        if self.unfenced:
            found["unfenced"].append(self.unfenced)
        for channel in self.acked.keys() | self.stored.keys() | self.shown.keys():
            acked, stored, shown = self.acked.get(channel, []), self.stored.get(channel, []), self.shown.get(channel, [])
            answered = [number for post in shown for number in post.numbers]
            found["not stored"] += [(channel, number) for number in sorted(set(acked) - set(stored))]
            found["stored twice"] += [(channel, number) for number in _twice(stored)]
            found["lost"] += [(channel, number) for number in sorted(set(acked) - set(answered))]
            found["doubled"] += [(channel, number) for number in _twice(answered)]
            found["shown twice"] += [(channel, name) for name in _twice([post.delivery_id for post in shown])]
            first_answers = [number for number in dict.fromkeys(answered) if number in acked]
            found["misordered"] += [channel] if first_answers != [number for number in acked if number in answered] else []
            found["wrong words"] += [(channel, post.text) for post in shown if not _fits(post)]
            found["not marked"] += [(channel, post.delivery_id) for post in shown if not _marked(post)]
        return {name: entries for name, entries in found.items() if entries}

    def apologies(self) -> dict[Channel, list[int]]:
        """Return the messages that were answered with a fallback."""
        found: dict[Channel, list[int]] = defaultdict(list)
        for channel, posts in self.shown.items():
            for post in posts:
                if post.kind == "fallback":
                    found[channel] += post.numbers
        return dict(found)


def _twice(names: Sequence[T]) -> list[T]:
    return [name for name, times in Counter(names).items() if times > 1]


def _fits(post: Shown) -> bool:
    """A reply repeats the numbers it answers; a fallback is one of our sentences."""
    said = tuple(int(number) for number in MARK.findall(post.text))
    return post.text in SENTENCES if post.kind == "fallback" else bool(said) and said == post.numbers


def _marked(post: Shown) -> bool:
    return post.state == "sent" and post.external_id == post.ts


async def read(made: Plant) -> Outcome:
    """Return what has come of everything so far."""
    known: dict[str, Record] = {}
    stored: dict[Channel, list[int]] = defaultdict(list)
    unfenced = 0
    for team, scope in zip(made.teams, made.scopes, strict=True):
        for row in await _rows(made, scope, _DELIVERIES):
            known[str(row["id"])] = row
        for row in await _rows(made, scope, _MESSAGES):
            stored[team.team_id, row["channel_id"]] += _numbers(row["text"])
        unfenced += (await _rows(made, scope, _UNFENCED))[0]["n"]
    shown: dict[Channel, list[Shown]] = defaultdict(list)
    for post in made.slack.posts:
        one = _shown(post, known)
        shown[one.channel].append(one)
    return Outcome(dict(made.acked), dict(stored), dict(shown), unfenced)


async def verdict(made: Plant, apologies: Collection[int] = ()) -> None:
    """Everything acknowledged is stored, and was answered once, in its order, in its channel and by its tenant; exactly
    the messages `apologies`, in whatever channel, with one of our sentences instead of an answer."""
    outcome = await read(made)
    faults = outcome.faults()
    assert faults == {}, faults
    assert sum(map(len, outcome.acked.values())) > 0
    wanted = {
        channel: due for channel, numbers in outcome.acked.items() if (due := [each for each in numbers if each in apologies])
    }
    apologised = outcome.apologies()
    assert apologised == wanted, apologised


def _shown(post: dict[str, Any], known: dict[str, Record]) -> Shown:
    name = post["metadata"]["event_payload"]["delivery_id"]
    row = known.get(name)
    return Shown(
        channel=(post["team"], post["channel"]),
        delivery_id=name,
        text="".join(block["text"] for block in post["blocks"]),
        ts=post["ts"],
        kind=row["kind"] if row else None,
        state=row["state"] if row else None,
        numbers=tuple(number for text in row["texts"] for number in _numbers(text)) if row else (),
        external_id=row["external_id"] if row else None,
    )


def _numbers(text: str) -> list[int]:
    return [int(number) for number in MARK.findall(text)]


async def _rows(made: Plant, scope: TenantScope, sql: str) -> list[Record]:
    async with made.db.tenant(scope) as session:
        return await session.fetch(sql, scope.tenant_id)


_DELIVERIES = """
SELECT d.id, d.kind, d.state, d.external_id, array_agg(m.text ORDER BY m.sent_at, m.seq) AS texts
FROM deliveries d JOIN messages m ON m.tenant_id = d.tenant_id AND m.turn_id = d.turn_id AND m.direction = 'in'
WHERE d.tenant_id = $1 GROUP BY d.tenant_id, d.id
"""
_MESSAGES = """
SELECT c.channel_id, m.text FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
WHERE m.tenant_id = $1 AND m.direction = 'in' ORDER BY m.sent_at, m.seq
"""
_UNFENCED = """
SELECT count(*) AS n FROM steps s JOIN turns t ON t.tenant_id = s.tenant_id AND t.id = s.turn_id
WHERE s.tenant_id = $1 AND (s.epoch > t.epoch OR EXISTS (SELECT 1 FROM steps b WHERE b.tenant_id = s.tenant_id
  AND b.turn_id = s.turn_id AND b.position < s.position AND b.epoch > s.epoch))
"""
