"""Errors of the API: always a problem, never a page, a stack trace, SQL, or what somebody else may not know."""

from __future__ import annotations

import asyncio
import io
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg
import pytest

from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.db.session import Session
from konstruct.tenants import employees
from konstruct.web.api import limits
from konstruct.web.api.guard import BODY_MAX
from konstruct.web.api.limits import BURST, KeyLimits
from konstruct.web.api.models import Problem
from tests.api.table import routes
from tests.support.api import Answer, Program, stock
from tests.support.house import House
from tests.support.portal import open_portal

JSON = {"Content-Type": "application/json"}


def check(answer: Answer, status: int) -> dict[str, Any]:
    """Return the problem of an answer of that status."""
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    found: dict[str, Any] = answer.json()
    problem = Problem.model_validate(found)
    assert (problem.type, problem.status) == ("about:blank", status) and problem.title and problem.detail
    return found


async def test_an_address_that_is_not_there(program: Program) -> None:
    for path in ("/api/v1/nothing", "/api/v2/agents", "/api/", "/api", "/api/v1/agents/x/y/z", "/api/v1"):
        check(await program.ask("GET", path, headers={"Accept": "text/html"}), 404)


async def test_a_method_that_is_not_there(program: Program) -> None:
    answer = await program.ask("PATCH", "/agents")
    check(answer, 405)
    assert answer.headers["allow"] == "GET"
    check(await program.ask("PUT", "/documents"), 405)


async def test_pages_still_answer_with_pages(house: House) -> None:
    async with open_portal(house, house.scopes[0]) as owner:
        answer = await owner.get("/nothing")
        assert answer.status == 404 and "<html" in answer.text
        assert (await owner.get("/apis")).text == answer.text


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"title": ' + b"9" * 10_000 + b"}", b"nonsense"])
async def test_a_body_that_is_no_json(program: Program, body: bytes) -> None:
    answer = await program.ask("POST", "/documents", data=body, headers=JSON)
    check(answer, answer.status)
    assert answer.status in (400, 422)


async def test_wrong_fields_are_named_and_not_repeated(program: Program) -> None:
    sent = {"title": ["canary-1"], "text": None, "canary-2" * 100: "canary-3", "source": ""}
    found = check(await program.post("/documents", sent), 422)
    assert {error["field"] for error in found["errors"]} >= {"title", "text", "source"}
    assert all(error["in"] == "body" and error["detail"] for error in found["errors"])
    assert "canary-1" not in str(found) and "canary-3" not in str(found)
    many = check(await program.post("/documents", {f"field{number}": 1 for number in range(500)}), 422)
    assert len(many["errors"]) == 50
    surrogate = await program.ask("POST", "/documents", data=b'{"title":"\\ud800","text":"x","\\ud800":1}', headers=JSON)
    check(surrogate, 422)
    check(await program.ask("POST", "/documents", data=b"title=x&text=y"), 422)


async def test_text_that_cannot_be_stored_is_stored_without_that(program: Program) -> None:
    answer = await program.post("/documents", {"title": "a\x00b", "text": "c\x00d <script>", "source": "e\x00"})
    assert (answer.status, answer.json()["title"], answer.json()["source"]) == (201, "ab", "e")


async def test_a_body_that_is_too_large(program: Program) -> None:
    async def stream() -> Any:
        for _ in range(BODY_MAX // (1024 * 1024) + 1):
            yield b" " * 1024 * 1024

    for body in (io.BytesIO(b" " * (BODY_MAX + 1)), stream()):
        check(await program.ask("POST", "/documents", data=body, headers=JSON), 413)
    check(await program.post("/documents", {"title": "x", "text": "x" * 1_000_001}), 422)


async def test_nothing_is_read_before_the_key_is_proved(house: House) -> None:
    """A caller without a key cannot make us take its body."""
    host, _, port = house.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = "POST /api/v1/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n"
    writer.write(head.encode())
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 10)
    writer.close()
    assert b" 401 " in answer and b"application/problem+json" in answer


@pytest.mark.parametrize("error", [asyncpg.CannotConnectNowError("x"), TimeoutError(), ConnectionRefusedError("10.0.0.7")])
async def test_a_database_that_does_not_answer(
    house: House, program: Program, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(employees, "get_current", fail)
    answer = await program.get("/agents")
    found = check(answer, 503)
    assert answer.headers["retry-after"] == "2" and "10.0.0.7" not in str(found)
    assert int(answer.headers["ratelimit"].partition("r=")[2].partition(";")[0]) < BURST


async def test_a_mistake_of_ours_tells_nothing(house: House, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(session: Session) -> None:
        await session.execute("SELECT canary FROM nowhere")

    monkeypatch.setattr(employees, "get_current", fail)
    found = check(await program.get("/agents"), 500)
    assert not [word for word in ("canary", "nowhere", "Traceback", "SELECT", "asyncpg") if word in str(found)]


async def test_a_read_is_few_queries(house: House, program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key's own included; and as many for one row as for many."""
    own = await stock(house, 0)
    asked: list[str] = []
    for name in ("fetch", "fetchrow", "fetchval", "execute", "executemany"):
        method = getattr(Session, name)

        async def counted(self: Session, sql: str, *args: Any, method: Any = method) -> Any:
            asked.append(sql)
            return await method(self, sql, *args)

        monkeypatch.setattr(Session, name, counted)
    await program.get("/me")
    for route in routes():
        if not route.writes:
            for query in [{"by": "day"}, {"by": "channel"}, {"by": "conversation"}] if route.path.endswith("/usage") else [{}]:
                asked.clear()
                assert (await route.ask(program, own, params=query)).status == 200
                # The usage has what is billed for messages besides.
                most = 6 if route.path.endswith("/usage") else 4
                assert 1 <= len(asked) <= most, f"{route.path}: {asked}"
                assert not [sql for sql in asked if "OFFSET" in sql.upper()]


async def test_too_many_requests(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    first = await program.get("/me")
    assert first.headers["ratelimit-policy"] == f'"key";q={BURST};w=5'
    assert "ratelimit" not in (await program.get("/nothing-at-all")).headers
    monkeypatch.setattr(limits, "RATE_PER_S", 0.01)
    answers = [await program.get("/me") for _ in range(BURST + 1)]
    assert {answer.status for answer in answers[:-2]} == {200}
    check(answers[-1], 429)
    assert int(answers[-1].headers["retry-after"]) >= 1 and '"key";r=0;' in answers[-1].headers["ratelimit"]


async def test_a_limit_is_the_keys_own(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "RATE_PER_S", 0.01)
    scope, key, counting = TenantScope(uuid4()), uuid4(), KeyLimits(redis)
    drawn = [await counting.draw(scope, key) for _ in range(BURST + 30)]
    assert sum(each.wait_s == 0 for each in drawn) == BURST
    assert {each.left for each in drawn} == set(range(BURST))
    assert (await counting.draw(scope, uuid4())).left == BURST - 1
    assert (await counting.draw(TenantScope(uuid4()), key)).left == BURST - 1


async def test_without_redis_a_process_counts_alone_and_more_carefully() -> None:
    now = 100.0
    alone = KeyLimits(Redis(None), clock=lambda: now)
    scope, key = TenantScope(uuid4()), uuid4()
    drawn = [await alone.draw(scope, key) for _ in range(BURST)]
    assert [each.wait_s == 0 for each in drawn] == [True] * (BURST // 2) + [False] * (BURST // 2)
    assert [each.left for each in drawn[: BURST // 2]] == list(range(BURST // 2 - 1, -1, -1))
    assert (await alone.draw(scope, uuid4())).left == BURST // 2 - 1
    now += drawn[-1].wait_s
    assert (await alone.draw(scope, key)).wait_s == 0
    assert (await alone.draw(scope, key)).wait_s > 0
    now += 3600
    assert (await alone.draw(scope, key)).left == BURST // 2 - 1


async def test_other_sites_cannot_read_it(house: House, program: Program) -> None:
    answer = await program.ask("GET", "/me", headers={"Origin": "https://evil.example"})
    assert answer.status == 200 and not [name for name in answer.headers if name.startswith("access-control")]
    async with aiohttp.ClientSession() as http, http.options(f"{house.url}/api/v1/me") as preflight:
        assert preflight.status == 405
