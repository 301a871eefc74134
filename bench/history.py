"""What five million old rows cost: the durable acknowledgement and the claim, beside an empty database, turn and turn about."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import asyncpg

from bench.filling import fill
from bench.quantiles import summary
from bench.stack import Parts, Site
from konstruct.channels import ingest_repository
from konstruct.channels.ingest_repository import Item
from konstruct.channels.port import ConversationKind, InboundMessage
from konstruct.channels.routes_repository import Route, find_routes
from konstruct.jobs import queue
from konstruct.kit.ids import uuid7

TENANTS = 8
MESSAGES = 140_000
"""Of each tenant; with what belongs to them, five million rows."""
ROUNDS, WARM_UP = 300, 15
PER_ROUND = 20
"""Messages of a round, each in a conversation of its own; two claims take them all."""
GOAL = 1.1
_BODY = b"a body as Slack sends it " * 32
_TABLES = (
    *("messages", "turns", "steps", "tool_calls", "llm_calls", "deliveries", "delivery_archive", "inbound_events", "dedupe_keys"),
    *("ready_queue", "conversations", "contacts"),
)
# Found by their keys, in both databases alike: a scan would sweep the memory of the one that is full.
_ANSWERED = tuple(
    f"UPDATE {change} FROM unnest($1::uuid[], $2::uuid[]) AS k (tenant_id, conversation_id)"
    f" WHERE t.tenant_id = k.tenant_id AND t.conversation_id = k.conversation_id AND t.state = '{state}'"
    for change, state in (
        ("messages AS t SET state = 'answered', turn_id = t.id", "pending"),
        ("ready_queue AS t SET state = 'idle', lease_owner = NULL, lease_until = NULL, lease = NULL", "leased"),
    )
)


async def measure(parts: Parts) -> dict[str, Any]:
    """Return p50 to p99 of both in both databases, and the ratios of the p50."""
    async with AsyncExitStack() as stack:
        sites = {name: await stack.enter_async_context(parts.site(TENANTS)) for name in ("empty", "filled")}
        started = time.monotonic()
        filled = sites["filled"]
        await fill(filled.admin_url, [team.scope.tenant_id for team in filled.teams], MESSAGES, history=True)
        filling_s = round(time.monotonic() - started)
        lanes = {name: await _Lane.open(site, stack) for name, site in sites.items()}
        for number in range(WARM_UP):
            for lane in lanes.values():
                await lane.round(f"w{number}")
        for site in sites.values():
            await _settle(site)
        old_rows = sum([await _rows(filled, table) - await _rows(sites["empty"], table) for table in _TABLES])
        for lane in lanes.values():
            lane.acks, lane.claims = [], []
        for number in range(ROUNDS):
            # Whatever else the machine does, it does to both.
            for name in sorted(lanes, reverse=bool(number % 2)):
                await lanes[name].round(f"r{number}")
        found = {name: {"ack": summary(lane.acks), "claim": summary(lane.claims)} for name, lane in lanes.items()}
    ratios = {key: found["filled"][key]["p50_ms"] / found["empty"][key]["p50_ms"] for key in ("ack", "claim")}
    return {
        **found,
        "old_rows": old_rows,
        "filling_s": filling_s,
        "acks": ROUNDS * PER_ROUND,
        "claims": 2 * ROUNDS,
        **{f"{key}_ratio": round(ratio, 3) for key, ratio in ratios.items()},
        "ratio_goal": GOAL,
        **{f"{key}_met": ratio <= GOAL for key, ratio in ratios.items()},
    }


class _Lane:
    """One database under measurement."""

    def __init__(self, site: Site, routes: dict[str, Route], admin: asyncpg.Connection[asyncpg.Record]) -> None:
        self._site, self._routes, self._admin = site, routes, admin
        self.acks: list[float] = []
        self.claims: list[float] = []

    @classmethod
    async def open(cls, site: Site, stack: AsyncExitStack) -> _Lane:
        """Look up the routes, as the web process does once."""
        admin = await asyncpg.connect(site.admin_url)
        stack.push_async_callback(admin.close)
        # There are no turns here that the messages could name.
        await admin.execute("SET session_replication_role = replica")
        return cls(site, await find_routes(site.db, "slack", [team.team_id for team in site.teams]), admin)

    async def round(self, mark: str) -> None:
        """Acknowledge PER_ROUND messages, one transaction each, and claim their conversations, ten at a time."""
        for number in range(PER_ROUND):
            item = self._item(number, mark)
            started = time.perf_counter()
            (outcome,) = await ingest_repository.store(self._site.db, [item], 0.0, 10.0)
            self.acks.append(time.perf_counter() - started)
            if outcome != "ready":
                raise RuntimeError(f"a new message is {outcome}")
        taken: list[queue.Claim] = []
        for _ in range(2):
            started = time.perf_counter()
            claims = await queue.claim(self._site.db, "turn", uuid7(), PER_ROUND // 2, 600.0)
            self.claims.append(time.perf_counter() - started)
            taken += claims
        if len(taken) != PER_ROUND:
            raise RuntimeError(f"{len(taken)} conversations were claimed")
        # Not measured: each is answered, as far as its messages and its lane show it.
        keys = [claim.scope.tenant_id for claim in taken], [claim.conversation_id for claim in taken]
        for sql in _ANSWERED:
            await self._admin.execute(sql, *keys)

    def _item(self, number: int, mark: str) -> Item:
        team = self._site.teams[number % TENANTS]
        channel, ts = f"DNEW{number % TENANTS}-{number}", f"{mark}-{number}"
        message = InboundMessage(
            account_key=team.team_id,
            app_id=team.app_id,
            event_key=f"event:{ts}",
            post_keys=(f"post:{ts}", f"client:{ts}"),
            conversation_key=channel,
            conversation_kind=ConversationKind.DIRECT,
            sender_id=f"UNEW{number}",
            sender_name=None,
            text="Hello, could you tell me whether my order has left already?",
            attachments=(),
            external_id=ts,
            channel_id=channel,
            thread_id=None,
            addressed=True,
            sent_at=datetime.now(UTC),
        )
        return Item(message, self._routes[team.team_id], _BODY)


async def _settle(site: Site) -> None:
    """What a server does in its first quiet hour: sweep, count, and write down."""
    connection = await asyncpg.connect(site.admin_url)
    try:
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()
    await asyncio.sleep(1.0)


async def _rows(site: Site, table: str) -> int:
    connection = await asyncpg.connect(site.admin_url)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))
    finally:
        await connection.close()
