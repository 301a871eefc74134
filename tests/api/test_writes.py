"""Writes: once under a key, the same answer each time, and after a failure as if nothing had been asked."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest

from konstruct.db.session import TenantSession
from konstruct.memory import documents_repository
from konstruct.tenants import api_requests_repository
from tests.api.table import Route, routes
from tests.support.api import Answer, Program, open_api, stock
from tests.support.hand import rows
from tests.support.house import House
from tests.support.slack_events import message

TEXT = {"title": "Opening hours", "text": "We open at nine."}


async def count(house: House, table: str) -> int:
    [row] = await rows(house, house.scopes[0], f"SELECT count(*) FROM {table} WHERE tenant_id = $1")
    return int(row["count"])


async def test_the_same_again_is_answered_the_same(house: House, program: Program) -> None:
    first = await program.post("/documents", TEXT, once="a")
    again = await program.ask("POST", "/documents", once="a", data=b'{"text":"We open at nine.",   "title":"Opening hours"}',
                              headers={"Content-Type": "application/json"})  # fmt: skip
    assert (first.status, again.status) == (201, 201) and again.text == first.text
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    await program.delete(f"/documents/{first.json()['id']}")
    assert (await program.post("/documents", TEXT, once="a")).text == first.text
    assert await count(house, "documents") == 0
    assert (await program.post("/documents", TEXT, once="b")).status == 201


async def test_each_write_is_once(house: House, program: Program) -> None:
    """Every writing route twice under one key: one effect, one answer."""
    ids = await stock(house, 0)
    late = {"POST messages": 1, "POST handback": 2, "DELETE {document_id}": 3}
    writing = [route for route in routes() if route.writes]
    assert len(writing) >= 7
    for route in sorted(writing, key=lambda route: late.get(f"{route.method} {route.path.rpartition('/')[2]}", 0)):
        options = _options(route)
        first = await route.ask(program, ids, once=f"{route.method}{route.path}", **options)
        before = await _all(house)
        again = await route.ask(program, ids, once=f"{route.method}{route.path}", **_options(route))
        assert first.status in (200, 201, 204), first.text
        assert (again.status, again.text) == (first.status, first.text), route
        assert again.headers["idempotency-replayed"] == "true"
        assert await _all(house) == before, route


def _options(route: Route) -> dict[str, Any]:
    options = route.options()
    if isinstance(options.get("json"), dict):
        options["json"].pop("owner_epoch", None)
    return options


async def _all(house: House) -> list[int]:
    tables = ("documents", "chunks", "persona_versions", "messages", "deliveries", "conversation_events", "api_requests")
    return [await count(house, table) for table in tables]


async def test_another_request_under_the_key_is_refused(house: House, program: Program) -> None:
    first = await program.post("/documents", TEXT, once="a")
    others = [
        await program.post("/documents", TEXT | {"title": "Other"}, once="a"),
        await program.post("/documents?x=1", TEXT, once="a"),
        await program.delete(f"/documents/{first.json()['id']}", once="a"),
    ]
    for answer in others:
        assert answer.status == 422 and "used for another request" in answer.json()["detail"]
    assert await count(house, "documents") == 1


async def test_a_key_is_the_callers_own(house: House, program: Program, other: Program) -> None:
    assert (await program.post("/documents", TEXT, once="a")).status == 201
    async with open_api(house, house.scopes[0]) as colleague:
        assert (await colleague.post("/documents", TEXT | {"text": "Else"}, once="a")).status == 201
    foreign = await other.post("/documents", TEXT, once="a")
    assert foreign.status == 201 and "idempotency-replayed" not in foreign.headers


@pytest.mark.parametrize("key", ["a b", "x" * 201, "é", " "])
async def test_a_key_has_a_form(program: Program, key: str) -> None:
    answer = await program.post("/documents", TEXT, once=key)
    assert answer.status == 422 and answer.json()["errors"][0]["field"].lower() == "idempotency-key"


async def test_two_at_once_are_one(house: House, program: Program) -> None:
    async def ask() -> Answer:
        return await program.post("/documents", TEXT, once="a")

    answers = await asyncio.gather(*(ask() for _ in range(8)))
    assert {answer.status for answer in answers} <= {201, 409} and 201 in {answer.status for answer in answers}
    assert len({answer.text for answer in answers if answer.status == 201}) == 1
    assert await count(house, "documents") == 1


async def test_while_one_is_under_way_another_is_told_so(house: House, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    insert = documents_repository.insert

    async def slow(*args: Any) -> UUID:
        begun.set()
        await go_on.wait()
        return await insert(*args)

    monkeypatch.setattr(documents_repository, "insert", slow)
    first = asyncio.ensure_future(program.post("/documents", TEXT, once="a"))
    await begun.wait()
    busy = await program.post("/documents", TEXT, once="a")
    assert busy.status == 409 and busy.headers["retry-after"] == "1"
    go_on.set()
    assert (await first).status == 201
    assert (await program.post("/documents", TEXT, once="a")).text == (await first).text


async def test_a_crash_before_the_commit_leaves_nothing(house: House, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The effect and its answer are one commit: whatever stops it in between, neither is there."""
    keep = api_requests_repository.keep

    async def crash(session: TenantSession, *args: Any) -> None:
        await keep(session, *args)
        raise RuntimeError("the process ends here")

    monkeypatch.setattr(api_requests_repository, "keep", crash)
    answer = await program.post("/documents", TEXT, once="a")
    assert answer.status == 500 and answer.headers["content-type"] == "application/problem+json"
    assert await count(house, "documents") == await count(house, "api_requests") == 0
    monkeypatch.undo()
    assert (await program.post("/documents", TEXT, once="a")).status == 201
    assert await count(house, "documents") == 1


async def test_a_refused_write_may_be_sent_again(house: House, program: Program) -> None:
    assert (await program.post("/documents", TEXT | {"title": " "}, once="a")).status == 422
    assert (await program.post("/documents", TEXT, once="a")).status == 201


async def test_answers_are_kept_for_a_day(house: House, program: Program) -> None:
    first = await program.post("/documents", TEXT, once="a")
    async with house.db.tenant(house.scopes[0]) as session:
        await session.execute("DELETE FROM documents WHERE tenant_id = $1", house.scopes[0].tenant_id)
    await _age(house)
    again = await program.post("/documents", TEXT, once="a")
    assert again.status == 201 and again.json()["id"] != first.json()["id"]
    await _age(house)
    assert (await program.post("/documents", TEXT | {"text": "Else"}, once="b")).status == 201
    assert await count(house, "api_requests") == 1


async def _age(house: House) -> None:
    """Let what is kept have been kept for too long."""
    async with house.db.tenant(house.scopes[0]) as session:
        await session.execute(
            "UPDATE api_requests SET created_at = now() - interval '2 days', expires_at = now() - interval '1 day'"
            " WHERE tenant_id = $1",
            house.scopes[0].tenant_id,
        )


async def test_a_version_is_based_on_the_one_in_force(house: House, program: Program) -> None:
    ids = await stock(house, 0)
    path = f"/agents/{ids['agent_id']}/persona-versions"
    told = {"name": "Ada", "instructions": "You repair bikes.", "working_hours": {"time_zone": "Europe/Berlin",
            "days": [{"from": "09:00", "to": "17:00"}] + [None] * 6}}  # fmt: skip
    saved = await program.post(path, told | {"based_on": 1})
    assert saved.status == 201
    found = saved.json()
    assert (found["version"], found["in_force"], found["changed_by"]) == (2, True, "Pat Doe (API key “Test”)")
    assert found["working_hours"] == told["working_hours"]
    assert (await program.get(f"{path}/2")).json() == found
    assert (await program.get(f"/agents/{ids['agent_id']}")).json()["persona_version"] == 2
    assert (await program.post(path, told | {"based_on": 1})).status == 200
    stale = await program.post(path, told | {"based_on": 1, "instructions": "Else"})
    assert stale.status == 409 and "version 2 was saved" in stale.json()["detail"]
    hours = {"time_zone": "Nowhere/At all", "days": [None] * 7}
    wrong = await program.post(path, told | {"based_on": 2, "name": "", "instructions": "x" * 20_001, "working_hours": hours})
    assert wrong.status == 422
    assert [error["field"] for error in wrong.json()["errors"]] == ["name", "instructions", "working_hours"]


async def test_a_file_is_taken_once(house: House, program: Program) -> None:
    async def send_file(once: str, name: str = "hours.md", text: bytes = b"# Hours\nNine to five.") -> Answer:
        form = aiohttp.FormData()
        form.add_field("file", text, filename=name, content_type="text/markdown")
        return await program.ask("POST", "/documents/files", once=once, data=form)

    first, again, known = await send_file("a"), await send_file("a"), await send_file("b")
    assert (first.status, again.status, known.status) == (201, 201, 200) and first.text == again.text
    assert first.json()["status"] == "processing" and first.json()["filename"] == "hours.md"
    assert first.json()["id"] == known.json()["id"]
    assert (await send_file("a", text=b"other")).status == 422
    refused = await send_file("c", "evil.exe", b"MZ\x90\x00\x03" + bytes(100))
    assert refused.status == 422 and "evil.exe" in refused.json()["detail"]
    empty = await program.ask("POST", "/documents/files", data=aiohttp.FormData({"title": "x"}))
    assert empty.status == 422 and empty.json()["errors"][0]["field"] == "file"


async def test_a_person_answers_by_the_api(house: House, program: Program) -> None:
    ids = await stock(house, 0)
    path = f"/conversations/{ids['conversation_id']}"
    early = await program.post(f"{path}/messages", {"text": "hello"})
    assert early.status == 409 and "the employee answers" in early.json()["detail"]
    taken = await program.post(f"{path}/takeover", {"owner_epoch": 0})
    assert taken.status == 200
    assert (taken.json()["owner"], taken.json()["owner_epoch"], taken.json()["answered_by"]) == ("human", 1, "Pat Doe")
    assert (await program.post(f"{path}/takeover")).status == 409
    said = await program.post(f"{path}/messages", {"text": "Your bike is ready.", "owner_epoch": 1})
    assert said.status == 201
    assert (said.json()["author"], said.json()["author_name"], said.json()["text"]) == ("human", "Pat Doe", "Your bike is ready.")
    assert (await program.post(f"{path}/messages", {"text": "late", "owner_epoch": 0})).status == 409
    assert (await program.post(f"{path}/messages", {"text": "  "})).status == 422
    assert (await program.post(f"{path}/messages", {"text": "x" * 8001})).status == 422
    assert [row["id"] for row in (await program.get("/conversations", state="human")).json()["items"]] == [ids["conversation_id"]]
    back = await program.post(f"{path}/handback", {"owner_epoch": 1})
    assert back.json()["owner"] == "ai"
    newest = (await program.get(f"{path}/messages")).json()["items"]
    assert [entry["event"] for entry in newest[:3]] == ["handed_back", None, "taken_over"]
    await house.deliver(message(house.teams[0], "D1", "U1", "Thanks"))
    assert (await program.get(f"{path}/messages", limit=1)).json()["items"][0]["text"] == "Thanks"
    assert str(uuid4()) not in back.text
