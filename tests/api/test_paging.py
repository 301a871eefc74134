"""Cursors: every row once, whatever is added meanwhile; and a cursor that was not given is an error."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.kit.ids import uuid7
from konstruct.memory.documents import Documents
from konstruct.web.api.cursors import Places
from tests.api.table import routes
from tests.support.api import Program, stock
from tests.support.house import House

pytestmark = pytest.mark.usefixtures("unhurried")
SCOPE = TenantScope(UUID("01926b3e-7c4a-7e21-9b52-3f6c0a1d8e47"))
PLACES = Places(SCOPE, "x", (datetime, UUID))
Fill = Callable[[House, dict[str, str], int], Awaitable[None]]


async def all_of(program: Program, path: str, limit: int, between: Callable[[], Awaitable[None]] | None = None) -> list[Any]:
    """Follow the cursors to the end; `between` is done after the first page."""
    found: list[Any] = []
    cursor = None
    for _ in range(100):
        answer = await program.get(path, limit=limit, **({"cursor": cursor} if cursor else {}))
        assert answer.status == 200, answer.text
        page = answer.json()
        assert len(page["items"]) <= limit
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        if between is not None and cursor is None:
            await between()
        cursor = page["next_cursor"]
    raise AssertionError("the list has no end")


async def fill_documents(house: House, ids: dict[str, str], count: int) -> None:
    for _ in range(count):
        await Documents(house.db).add(house.scopes[0], "More", f"text {uuid4()}", "test")


async def fill_rows(house: House, ids: dict[str, str], count: int) -> None:
    """Add conversations, messages, turns and deliveries, several of the same moment."""
    tenant_id = house.scopes[0].tenant_id
    async with house.db.tenant(house.scopes[0]) as session:
        for _ in range(count):
            conversation, turn, message = uuid7(), uuid7(), uuid7()
            await session.execute(
                "INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience,"
                " audience_key) VALUES ($1, $2, $3, $4, $5, 'direct', 'D9', 'person', 'U9')",
                tenant_id, conversation, UUID(ids["account_id"]), UUID(ids["agent_id"]), str(conversation),
            )  # fmt: skip
            await session.execute(
                "INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, state,"
                " outcome, deadline_at, finished_at) VALUES ($1, $2, $3, $4, 1, 1, 0, 'done', 'answered', now(), now())",
                tenant_id, turn, UUID(ids["conversation_id"]), UUID(ids["agent_id"]),
            )  # fmt: skip
            seq = await session.fetchval(
                "UPDATE conversations SET next_seq = next_seq + 1 WHERE tenant_id = $1 AND id = $2 RETURNING next_seq - 1",
                tenant_id, UUID(ids["conversation_id"]),
            )  # fmt: skip
            await session.execute(
                "INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, turn_id, sent_at)"
                " VALUES ($1, $2, $3, $4, 'out', 'ai', 'hi', 'sent', $5, now())",
                tenant_id, message, UUID(ids["conversation_id"]), seq, turn,
            )  # fmt: skip
            await session.execute(
                "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, turn_id, message_id, position, part, kind,"
                " channel_id, body, owner_epoch, state, reason) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 'reply', 'D1', 'hi', 0,"
                " 'cancelled', 'test')",
                tenant_id, uuid7(), UUID(ids["conversation_id"]), UUID(ids["account_id"]), turn, message, seq,
            )  # fmt: skip


async def fill_versions(house: House, ids: dict[str, str], count: int) -> None:
    tenant_id = house.scopes[0].tenant_id
    async with house.db.tenant(house.scopes[0]) as session:
        for _ in range(count):
            await session.execute(
                "INSERT INTO persona_versions (tenant_id, agent_id, version, name, persona)"
                " SELECT $1, $2, max(version) + 1, 'Ada', 'x' FROM persona_versions WHERE tenant_id = $1 AND agent_id = $2",
                tenant_id, UUID(ids["agent_id"]),
            )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "fill"),
    [
        ("/documents", fill_documents),
        ("/conversations", fill_rows),
        ("/conversations/{conversation_id}/messages", fill_rows),
        ("/turns", fill_rows),
        ("/deliveries", fill_rows),
        ("/agents/{agent_id}/persona-versions", fill_versions),
    ],
)
async def test_each_row_comes_once_whatever_is_added(house: House, program: Program, path: str, fill: Fill) -> None:
    ids = await stock(house, 0)
    await fill(house, ids, 7)
    address = path.format(**ids)
    whole = (await program.get(address, limit=100)).json()
    assert whole["next_cursor"] is None and len(whole["items"]) >= 8
    for limit in (1, 3):
        assert await all_of(program, address, limit) == whole["items"]
    # What is added comes before the first page: those behind it stay what they were.
    assert [_id(item) for item in await all_of(program, address, 3, lambda: fill(house, ids, 2))] == list(
        map(_id, whole["items"])
    )


def _id(item: dict[str, Any]) -> Any:
    return item.get("id") or item["version"]


async def test_chunks_come_in_their_order(house: House, program: Program) -> None:
    text = "\n\n".join(f"# Part {number}\n{'word ' * 100}" for number in range(9))
    document_id = await Documents(house.db).add(house.scopes[0], "Long", text, "test")
    found = await all_of(program, f"/documents/{document_id}/chunks", 4)
    assert [chunk["position"] for chunk in found] == list(range(len(found))) and len(found) >= 9


async def test_a_cursor_that_was_not_given_is_an_error(house: House, program: Program, other: Program) -> None:
    ids = await stock(house, 0)
    await fill_documents(house, ids, 3)
    await fill_rows(house, ids, 3)
    given_here = (await program.get("/documents", limit=1)).json()["next_cursor"]
    elsewhere = (await program.get("/deliveries", limit=1)).json()["next_cursor"]
    await Documents(house.db).add(house.scopes[1], "More", "one", "test")
    await Documents(house.db).add(house.scopes[1], "More", "two", "test")
    foreign = (await other.get("/documents", limit=1)).json()["next_cursor"]
    wrong = [
        "",
        "x",
        "é",
        "%00",
        given_here[:-1],
        given_here + "A",
        "A" + given_here[1:],
        given_here.swapcase(),
        elsewhere,
        foreign,
    ]
    wrong += ["A" * 300, base64.urlsafe_b64encode(b'[1,"x"]').decode()]
    for route in routes():
        if any(parameter["name"] == "cursor" for parameter in route.operation.get("parameters", [])):
            for cursor in wrong if route.path.endswith("/documents") else [*wrong[:4], given_here, foreign]:
                answer = await route.ask(program, ids, params={"cursor": cursor})
                assert answer.status == 400, f"{route.path} {cursor}"
                assert answer.json()["detail"].startswith("That is no cursor of this list")
    assert (await program.get("/documents", cursor="x" * 301)).status == 422


async def test_a_limit_is_from_1_to_100(program: Program) -> None:
    for limit in ("0", "101", "-1", "x", "", "1e2"):
        answer = await program.get("/documents", limit=limit)
        assert answer.status == 422 and answer.json()["errors"][0]["field"] == "limit"


@given(st.datetimes(timezones=st.just(UTC)), st.uuids())
def test_a_cursor_is_the_place_to_the_microsecond(at: datetime, row_id: UUID) -> None:
    cursor = PLACES.after((at, row_id))
    assert PLACES.parse(cursor) == (at, row_id)
    assert len(cursor) < 300


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_nothing_else_is_a_cursor(text: str) -> None:
    with pytest.raises(KonstructError, match="no cursor"):
        PLACES.parse(text)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"null", b"[1]", b'["x","y"]', b"[1,2,3]", b'[9999999999999999999999,"x"]', b'[true,"x"]', b"[1e400,1]"],
)
def test_a_forged_cursor_is_no_place_either(body: bytes) -> None:
    """Whoever recomputes the check part gains a well-formed place in the own list at most."""
    forged = base64.urlsafe_b64encode(PLACES._check(body) + body).decode().rstrip("=")
    with pytest.raises(KonstructError, match="no cursor"):
        PLACES.parse(forged)
