"""The verdict over a fault run. It is read from the fake Slack's log and by SQL, never from what a process says of itself."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from tests.faults.history import History
from tests.faults.plant import MARK, Plant
from tests.faults.traffic import Traffic
from tests.support.slack_events import Team

_MESSAGES = """
SELECT c.channel_id, m.external_id AS ts, m.conversation_id, m.seq, m.turn_id, m.state, m.text
FROM messages m JOIN conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
WHERE m.tenant_id = $1 AND m.direction = 'in' ORDER BY m.sent_at, m.seq
"""
_DELIVERIES = """
SELECT id, conversation_id, turn_id, channel_id, thread_id, state, kind, reason, external_id FROM deliveries WHERE tenant_id = $1
"""


async def verdict(made: Plant, traffic: Traffic, history: History) -> None:
    """Everything acknowledged is stored and answered once, in its order and place, by its tenant; every write was fenced."""
    assert traffic.acked, "nothing was said"
    for scope, team in zip(made.scopes, made.teams, strict=True):
        async with made.db.tenant(scope) as session:
            messages = await session.fetch(_MESSAGES, scope.tenant_id)
            deliveries = await session.fetch(_DELIVERIES, scope.tenant_id)
        posts = [post for post in made.slack.posts if post["team"] == team.team_id]
        _stored(team, traffic, messages)
        _shown_once(deliveries, posts)
        _answered_in_order(messages, deliveries, posts)
    await history.fenced()


def _stored(team: Team, traffic: Traffic, messages: list[Record]) -> None:
    """What was acknowledged is stored, once, with its words; and nothing else."""
    said = Counter((channel, ts, number) for (named, channel, ts), number in traffic.acked.items() if named == team.team_id)
    assert Counter((row["channel_id"], row["ts"], _numbers(row["text"])[0]) for row in messages) == said
    assert [row["state"] for row in messages] == ["answered"] * len(messages)


def _shown_once(deliveries: list[Record], posts: list[dict[str, Any]]) -> None:
    """Each delivery is visible once, where it belongs and under the name that we know; nothing else is visible."""
    shown = Counter((_delivery(post), post["channel"], post["thread_ts"], post["ts"]) for post in posts)
    assert shown == Counter((row["id"], row["channel_id"], row["thread_id"], row["external_id"]) for row in deliveries)
    assert [(row["state"], row["kind"], row["reason"]) for row in deliveries] == [("sent", "reply", None)] * len(deliveries)


def _answered_in_order(messages: list[Record], deliveries: list[Record], posts: list[dict[str, Any]]) -> None:
    """Each turn shows one answer to all its messages in their order; what came earlier is answered earlier.

    An older message that came in only after a newer one's turn had begun is answered after it.
    """
    asked: dict[UUID, list[Record]] = defaultdict(list)
    for row in messages:
        asked[row["turn_id"]].append(row)
    turn_of = {row["id"]: row["turn_id"] for row in deliveries}
    shown: dict[UUID, list[list[Record]]] = defaultdict(list)
    for post in posts:
        turn = asked[turn_of[_delivery(post)]]
        text = "".join(block["text"] for block in post["blocks"])
        assert _numbers(text) == [number for row in turn for number in _numbers(row["text"])]
        shown[turn[0]["conversation_id"]].append(turn)
    assert sum(len(turns) for turns in shown.values()) == len(asked)
    for turns in shown.values():
        for at, turn in enumerate(turns):
            before = [row for earlier in turns[:at] for row in earlier]
            for row in turn:
                overtaken_by = [other["ts"] for other in before if other["ts"] > row["ts"] and other["seq"] > row["seq"]]
                assert overtaken_by == [], f"{row['ts']} came earlier and was answered later"


def _numbers(text: str) -> list[int]:
    return [int(number) for number in MARK.findall(text)]


def _delivery(post: dict[str, Any]) -> UUID:
    return UUID(post["metadata"]["event_payload"]["delivery_id"])


async def turns(made: Plant, scopes: Iterable[TenantScope] | None = None) -> list[Record]:
    """Return the turns of the tenants (both, if none are given)."""
    found: list[Record] = []
    for scope in made.scopes if scopes is None else scopes:
        async with made.db.tenant(scope) as session:
            found += await session.fetch("SELECT * FROM turns WHERE tenant_id = $1 ORDER BY started_at", scope.tenant_id)
    return found


async def deliveries(made: Plant, scope: TenantScope) -> list[Record]:
    """Return the tenant's deliveries, oldest first."""
    async with made.db.tenant(scope) as session:
        return await session.fetch("SELECT * FROM deliveries WHERE tenant_id = $1 ORDER BY created_at", scope.tenant_id)
