"""The operators' pages: who gets in, what each shows, and what a form does once and twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import aiohttp
import pytest

from konstruct.jobs import tenant_health
from konstruct.kit.errors import NotFoundError
from konstruct.tenants import operators, service
from konstruct.tenants.operators_repository import Operator
from tests.operator.support import COOKIE, REASON, open_operations
from tests.operator.test_dead_letters import bury_delivery, bury_turn
from tests.support.hand import deliveries, rows, send, take_turn
from tests.support.house import House
from tests.support.portal import SAME_SITE, Person, open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message
from tests.web.test_page_budget import QUERIES_MAX, counting


@pytest.fixture
async def desk(still: House, olga: Operator) -> AsyncIterator[Person]:
    """An operator's browser."""
    async with open_operations(still, olga) as person:
        yield person


def _page(number: int, house: House) -> str:
    return f"/operator/tenants/{house.scopes[number].tenant_id}"


async def test_a_link_asks_then_signs_in_once_with_a_cookie_of_its_own(still: House, olga: Operator) -> None:
    link = await operators.create_link(still.db, olga.name, still.url)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        for _ in range(2):
            async with http.get(link) as answer:
                assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        async with http.post(link, headers=SAME_SITE, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/operator")
            cookie = answer.headers["Set-Cookie"]
            assert cookie.startswith(f"{COOKIE}=")
            for word in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
                assert word in cookie
        async with http.get(still.url + "/operator") as answer:
            assert answer.status == 200
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert olga.name in await answer.text()
        async with http.post(link, headers=SAME_SITE) as answer:
            assert answer.status == 410


async def test_a_form_of_another_site_is_refused(still: House, olga: Operator, desk: Person) -> None:
    link = await operators.create_link(still.db, olga.name, "")
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
        assert (await desk.post(link, headers=headers)).status == 403
        assert (await desk.post(f"{_page(0, still)}/suspend", headers=headers, reason=REASON)).status == 403
    assert "Suspend</button>" in (await desk.get(_page(0, still))).text


async def test_signing_out_ends_the_session_here_or_everywhere(still: House, olga: Operator, desk: Person) -> None:
    async with open_operations(still, olga) as other, open_operations(still, olga) as third:
        assert (await other.post("/operator/sign-out")).path == "/operator/sign-in"
        assert (await other.get("/operator")).path == "/operator/sign-in"
        assert (await third.get("/operator")).path == "/operator"
        await desk.post("/operator/sign-out/everywhere")
        assert (await third.get("/operator")).path == "/operator/sign-in"
        assert await operators.find_operator(still.db, third.ticket) is None


async def test_the_overview_shows_the_queue_the_parts_and_the_processes(still: House, desk: Person) -> None:
    shown = (await desk.get("/operator")).text
    for word in ("Answers to think of", "Answers to show", "Workers", "Beat", "Database", "Broker", "Valkey", "at revision"):
        assert word in shown
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    assert "the oldest due for 0 s" in (await desk.get("/operator")).text


async def test_the_list_shows_names_health_and_pages(still: House, desk: Person, model: Puppet) -> None:
    await bury_turn(still, model, 0)
    async with still.db.tenant(still.scopes[1]) as session:
        await session.execute("UPDATE channel_accounts SET status = 'broken' WHERE tenant_id = $1", still.scopes[1].tenant_id)
    for scope in still.scopes:
        await tenant_health.refresh(still.db, scope)
    shown = (await desk.get("/operator/tenants")).text
    for word in ("Alpha Bikes", "Beta Bakery", "1 dead letter", "1 broken channel", "last heard"):
        assert word in shown
    assert _page(1, still) not in (await desk.get("/operator/tenants?status=suspended")).text
    behind = still.scopes[1].tenant_id
    assert _page(1, still) not in (await desk.get(f"/operator/tenants?behind={behind}")).text
    assert _page(0, still) in (await desk.get(f"/operator/tenants?behind={behind}")).text
    assert (await desk.get(f"/operator/tenants?find={behind}")).path == _page(1, still)
    assert "That is no id" in (await desk.get("/operator/tenants?find=Alpha")).text
    assert (await desk.get("/operator/tenants?behind=x")).status == 404


async def test_suspending_stops_a_business_and_resuming_lets_it_go_on(still: House, desk: Person) -> None:
    scope = still.scopes[0]
    async with open_portal(still, scope) as owner, open_portal(still, still.scopes[1]) as other:
        refused = await desk.post(f"{_page(0, still)}/suspend", reason=" x ")
        assert (refused.status, "give a reason" in refused.text) == (422, True)
        assert (await owner.get("/")).path == "/"

        for _ in range(2):
            told = await desk.post(f"{_page(0, still)}/suspend", reason="they do not pay")
            assert "The business is suspended." in told.text
        assert (await owner.get("/settings/members", follow=False)).status == 303
        assert (await other.get("/settings/members", follow=False)).status == 200
        assert await still.deliver(message(still.teams[0], "D1", "U1", "anybody there?")) == [200]
        assert await rows(still, scope, "SELECT 1 FROM messages WHERE tenant_id = $1") == []

        told = await desk.post(f"{_page(0, still)}/resume", reason="they have paid")
        assert "The business goes on." in told.text
        await still.deliver(message(still.teams[0], "D1", "U1", "and now?"))
        await take_turn(still)
    done = await rows(still, scope, "SELECT action, reason FROM operator_actions WHERE tenant_id = $1 ORDER BY created_at")
    assert [tuple(row) for row in done] == [("suspend", "they do not pay"), ("resume", "they have paid")]
    page = (await desk.get(_page(0, still))).text
    assert page.index("they have paid") < page.index("they do not pay")
    assert "they do not pay" not in (await desk.get(_page(1, still))).text


async def test_a_business_that_is_being_erased_is_not_brought_back(still: House, desk: Person) -> None:
    await still.db.fleet_fetch(
        "test", "UPDATE tenant_directory SET status = 'erasing' WHERE tenant_id = $1", still.scopes[0].tenant_id
    )
    assert (await desk.post(f"{_page(0, still)}/resume", reason="please")).status == 409
    with pytest.raises(NotFoundError):
        await service.set_status(still.db, still.scopes[0].tenant_id, "active")
    assert "Being erased" in (await desk.get(_page(0, still))).text


async def test_dead_letters_are_listed_retried_and_let_be(still: House, desk: Person, model: Puppet) -> None:
    first, second = await bury_turn(still, model, 0), await bury_delivery(still, 1)
    # The oldest come first, and other tests of this database leave some.
    for scope in still.scopes:
        await rows(still, scope, "UPDATE dead_letters SET created_at = '2001-01-01' WHERE tenant_id = $1 RETURNING id")
    shown = (await desk.get("/operator/dead-letters")).text
    assert str(first) in shown
    assert str(second) in shown
    only = (await desk.get(f"/operator/dead-letters?tenant={still.scopes[1].tenant_id}")).text
    assert (str(first) in only, str(second) in only) == (False, True)

    own, foreign = (f"/operator/dead-letters/{still.scopes[n].tenant_id}/{first}" for n in (0, 1))
    assert (await desk.get(own)).status == 200
    assert (await desk.get(foreign)).status == 404
    assert (await desk.post(f"{foreign}/retry")).status == 404
    assert (await desk.post(f"{foreign}/discard")).status == 404
    assert "It is retried." in (await desk.post(f"{own}/retry")).text
    assert "decided about it before" in (await desk.post(f"{own}/discard")).text
    await take_turn(still)
    await send(still)
    assert still.texts(still.teams[0])[-1] == "all is well"
    assert "It is discarded." in (await desk.post(f"/operator/dead-letters/{still.scopes[1].tenant_id}/{second}/discard")).text
    for number, action in ((0, "retry_dead_letter"), (1, "discard_dead_letter")):
        done = await rows(still, still.scopes[number], "SELECT action FROM operator_actions WHERE tenant_id = $1")
        assert [row["action"] for row in done] == [action]


async def test_what_may_show_twice_is_asked_again(still: House, desk: Person) -> None:
    letter = await bury_delivery(still)
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute(
            "UPDATE dead_letters SET reason = 'outcome_unknown' WHERE tenant_id = $1", still.scopes[0].tenant_id
        )
    path = f"/operator/dead-letters/{still.scopes[0].tenant_id}/{letter}/retry"
    asked = await desk.post(path)
    assert (asked.status, "sees it twice" in asked.text) == (409, True)
    assert len(await deliveries(still, still.scopes[0])) == 1
    assert "It is retried." in (await desk.post(path, accept_twice="yes")).text
    assert len(await deliveries(still, still.scopes[0])) == 2


async def test_signals_are_shown(still: House, desk: Person) -> None:
    for scope in still.scopes:
        await tenant_health.refresh(still.db, scope)
    shown = (await desk.get("/operator/signals")).text
    for title in ("First answer within an hour", "Weekly active people", "Answered", "Hand-offs", "Retention at four weeks"):
        assert title in shown


@pytest.mark.parametrize("bad", ["x", "%00", "018f0000-0000-7000-8000-000000000000", "0" * 500])
async def test_ids_that_name_nothing_are_one_page(desk: Person, bad: str) -> None:
    letter: UUID = uuid4()
    for path in (f"/operator/tenants/{bad}", f"/operator/tenants/{bad}/access", f"/operator/dead-letters/{bad}/{letter}"):
        answer = await desk.get(path)
        assert (answer.status, "There is nothing at this address." in answer.text) == (404, True)
    for path in ("suspend", "resume", "access"):
        assert (await desk.post(f"/operator/tenants/{bad}/{path}", reason=REASON)).status == 404


@pytest.mark.parametrize(
    "path", ["", "/tenants", "/tenants/{tenant_id}", "/dead-letters", "/signals", "/tenants/{tenant_id}/access"]
)
async def test_a_page_asks_little(still: House, desk: Person, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    async with counting(monkeypatch) as seen:
        answer = await desk.get("/operator" + path.format(tenant_id=still.scopes[0].tenant_id))
    assert answer.status == 200
    assert 0 < len(seen) <= QUERIES_MAX, seen
