"""Every route of the whole application, with every id of another tenant: the answer is that to an id which nothing has.

Generated from the application's own table: a route that no suite claims, or a field that no case knows, fails here. The
API's own table is gone through in tests/api/test_routes.py.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Mount

from konstruct.db.database import Database
from konstruct.kit.settings import Settings
from konstruct.local.postgres import Postgres
from konstruct.tenants.operators import create_operator
from konstruct.tenants.roles import ROLES, Role
from konstruct.web.app import create_app
from konstruct.web.operator import overview
from konstruct.web.portal import routes as portal
from tests.api.table import routes as api_routes
from tests.isolation.http.cases import (
    FORM_IDS,
    FORMS,
    META,
    OPERATOR,
    PLAIN,
    PORTAL,
    PUBLIC,
    QUERY_IDS,
    SANDBOX,
    WEBHOOKS,
    Case,
)
from tests.isolation.http.stock import Stock, twin
from tests.operator.support import REASON, open_operations
from tests.support.hand import rows
from tests.support.house import House
from tests.support.portal import Answer, Person, open_portal
from tests.tenants.filled import overview as look

Stocks = tuple[Stock, Stock]
TELLTALE = re.compile(
    r"Traceback|asyncpg|psycopg|SQLSTATE|current_setting|row-level|violates|\bFROM [a-z_]+ WHERE\b|INSERT INTO|\.py\b.{0,9}line"
)
"""What stands in no answer: the words of the database and of Python."""
_FRESH = re.compile(r'(name="(?:token|form)" value=")[0-9a-f-]{36}|\b(?:just now|\d+ s(?:econds?)? ago|less than a minute ago)')
"""What differs between two showings of one page."""


def _settings(**more: Any) -> Settings:
    base = {"database_url": "postgresql://x/x", "fleet_database_url": "postgresql://x/x", "broker_url": "redis://x"}
    return Settings.model_validate(base | {"keyring": "x", "slack_signing_secret": "x", **more})


def _table(settings: Settings) -> set[tuple[str, str]]:
    app = create_app(settings)
    found = set()
    for context in iter_route_contexts(app.routes):
        methods = {""} if isinstance(context.original_route, Mount) else context.methods
        assert context.path is not None and methods, context
        found |= {(method, context.path) for method in methods - {"HEAD"}}
    if settings.sandbox:
        app.state.sandbox.close()
    return found


def _pairs(cases: tuple[Case, ...]) -> set[tuple[str, str]]:
    return {(case.method, case.path) for case in cases}


def test_every_route_of_the_application_is_claimed_by_a_suite(tmp_path: Path) -> None:
    found = _table(_settings())
    api = {(route.method, route.path) for route in api_routes()}
    assert found and api
    assert found == api | _pairs(PORTAL) | _pairs(OPERATOR) | WEBHOOKS | META | FORMS | PUBLIC
    assert _table(_settings(sandbox=True, data_dir=tmp_path)) - found == SANDBOX, "the embedded instance alone has these"


def _names_read() -> Iterator[tuple[str, str]]:
    """Yield every name that a page's code takes out of a query or a form, and where."""
    for area in (portal, overview):
        for file in sorted(Path(str(area.__file__)).parent.rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get"):
                    continue
                of, first = node.func.value, node.args[0] if node.args else None
                read = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
                if isinstance(first, ast.Constant) and read in ("query_params", "query", "form", "fields", "entered"):
                    yield str(first.value), f"{file.name}:{node.lineno}"


def test_every_field_that_a_page_reads_is_known_here() -> None:
    app = create_app(_settings())
    routes = [c.original_route for c in iter_route_contexts(app.routes) if not str(c.path).startswith("/api")]
    declared = {field.alias for route in routes if isinstance(route, APIRoute) for field in route.dependant.query_params}
    assert {"before", "tenant", "behind"} <= declared
    read = dict(_names_read())
    assert {"open", "token", "epoch", "form"} <= read.keys()
    known = QUERY_IDS | FORM_IDS | PLAIN
    assert [f"{name} at {place}" for name, place in read.items() if name not in known] == [], "say whether it may hold an id"
    assert declared - known == set(), "say whether it may hold an id"
    cases = [*PORTAL, *OPERATOR]
    attacked = {part.partition("=")[0] for case in cases for query in case.queries for part in query.split("&") if "{" in part}
    assert attacked >= QUERY_IDS
    assert {name for case in cases for name, value in case.form.items() if value == "{form_id}"} == FORM_IDS


async def _ask(person: Person, case: Case, ids: Mapping[str, str], query: str = "", **more: str) -> Answer:
    ids = {"form_id": twin(ids["note_id"]), **ids}
    address = case.address(ids) + (f"?{query.format(**ids)}" if query else "")
    form = {name: value.format(**ids) for name, value in case.form.items()} | more
    if case.method == "GET":
        if case.path.endswith("/events"):
            return await _first_of_stream(person, address)
        return await person.get(address, follow=False)
    if not case.multipart:
        return await person.send(address, form, follow=False)
    data = aiohttp.FormData(form or {"title": ""})
    if not form.get("text"):
        data.add_field("files", b"Nine to five.", filename="hours.md", content_type="text/markdown")
    return await person.send(address, data, follow=False)


async def _first_of_stream(person: Person, address: str) -> Answer:
    async with person.http.get(person.url + address, headers={"Last-Event-ID": "0.1.0"}) as answer:
        text = await (answer.content.readuntil(b"event: seen") if answer.status == 200 else answer.read())
        return Answer(answer.status, text.decode(), address, dict(answer.headers))


def _seen(answer: Answer, hidden: str) -> tuple[Any, ...]:
    """Return all that a caller could tell two answers apart by, but for the id that was asked with."""
    texts = (_FRESH.sub("~", text.replace(hidden, "~")) for text in (answer.text, answer.path))
    headers = {name: value for name, value in answer.headers.items() if name.lower() not in ("date", "content-length")}
    return answer.status, *texts, headers


def _tells_nothing(answer: Answer, other: Stock, asked: str) -> None:
    whole = answer.text.replace(asked, "") + str(answer.headers)
    assert not TELLTALE.search(whole), TELLTALE.search(whole)
    assert not [mark for mark in other.marks if mark in whole and mark != asked]
    assert not [kind for kind, value in other.ids.items() if value in whole and value != asked]


async def _look_the_same(
    person: Person, case: Case, own: Stock, other: Stock, name: str, values: Iterable[str], query: str = ""
) -> int:
    """Ask with ids of the other tenant's and with one that nothing has, and return the status of all of them."""
    nothing, expected, foreign = twin(other.ids[name]), None, Answer(0, "", "", {})
    for value in values:
        # A page that says how long ago something was changes by itself: it does so once, and not each time.
        for _ in range(4):
            foreign = await _ask(person, case, own.ids | {name: value}, query)
            if _seen(foreign, value) == expected:
                break
            expected = _seen(await _ask(person, case, own.ids | {name: nothing}, query), nothing)
        else:
            raise AssertionError(f"{case.method} {case.path}?{query} {name}={value}: {_seen(foreign, value)} and {expected}")
        _tells_nothing(foreign, other, value)
    return foreign.status


async def test_an_id_of_another_business_is_as_good_as_none(still: House, stocks: Stocks, cluster: Postgres) -> None:
    """An owner tries every kind of id in every place, the other roles the kind that fits."""
    own, other = stocks
    asked: Counter[Role] = Counter()
    async with look(cluster) as view:
        before = await view.checksums(other.scope)
        for role in ROLES:
            async with open_portal(still, own.scope, role) as person:
                for case, name in [(each, name) for each in PORTAL for name in each.ids]:
                    values = other.ids.values() if role == "owner" else [other.ids[name]]
                    status = await _look_the_same(person, case, own, other, name, values)
                    absent = case.absent if name == case.ids[-1] else 404
                    assert status == absent or (role != "owner" and status == 403), f"{role} {case} {name}: {status}"
                    asked[role] += len(values)
        assert await view.checksums(other.scope) == before
    assert asked["owner"] >= 400 and min(asked.values()) >= 20


async def test_an_id_of_another_business_in_a_query_is_as_good_as_none(still: House, stocks: Stocks) -> None:
    own, other = stocks
    asked = 0
    async with open_portal(still, own.scope) as person:
        for case in PORTAL:
            for query in case.queries:
                for name in re.findall(r"\{(\w+)\}", query):
                    await _look_the_same(person, case, own, other, name, [other.ids[name]], query)
                    asked += 1
    assert asked >= 15
    await _a_streams_place_is_nobodys_right(still, own, other)


async def _a_streams_place_is_nobodys_right(still: House, own: Stock, other: Stock) -> None:
    async with open_portal(still, own.scope) as mine, open_portal(still, other.scope) as theirs:
        page = await theirs.get(f"/inbox/{other.ids['conversation_id']}")
        found = re.findall(r"\d+\.\d+\.\d+", page.text)
        assert found, "the page names the place from which its stream goes on"
        case = next(case for case in PORTAL if case.path.endswith("/events"))
        for query in (f"after={found[0]}", ""):
            assert await _look_the_same(mine, case, own, other, "conversation_id", [other.ids["conversation_id"]], query) == 404
        stream = await _ask(mine, case, own.ids, f"after={found[0]}")
        assert stream.status == 200 and own.marks[0] in stream.text
        _tells_nothing(stream, other, "")


async def test_own_ids_are_something_and_a_form_names_no_tenant(still: House, stocks: Stocks, cluster: Postgres) -> None:
    """The control: what is 404 above is there for its own business. And what a form says besides is not obeyed."""
    own, other = stocks
    team = still.teams[0]
    given = own.ids | {"team": team.team_id, "token": team.token}
    forged = {
        "tenant_id": other.ids["tenant_id"],
        "account_id": other.ids["account_id"],
        "agent_id": other.ids["agent_id"],
        "conversation_id": other.ids["conversation_id"],
        "document_id": other.ids["document_id"],
        "id": other.ids["document_id"],
        "uploaded_by": other.ids["member_id"],
        "member_id": other.ids["member_id"],
        "secret_id": other.ids["secret_id"],
        "author": "ai",
        "owner": "ai",
        "state": "done",
        "business": "Beta Bakery",
    }
    async with look(cluster) as view, open_portal(still, own.scope) as person:
        before = await view.checksums(other.scope)
        for case in PORTAL:
            # A form with files holds ten fields at most.
            said = dict(list(forged.items())[:7]) if case.multipart else forged if case.method == "POST" else {}
            answer = await _ask(person, case, given, **said)
            assert answer.status == case.own, f"{case.method} {case.path}: {answer.status} {answer.path} {answer.text[-900:]}"
            _tells_nothing(answer, other, "")
        assert await view.checksums(other.scope) == before
        # What the forms named made nothing, here or there.
        assert len(await rows(still, own.scope, "SELECT 1 FROM channel_accounts WHERE tenant_id = $1")) == 1
    await _nobody_becomes_more_by_a_form(still, own)


async def _nobody_becomes_more_by_a_form(still: House, own: Stock) -> None:
    [boss] = await rows(still, own.scope, "SELECT id, name FROM members WHERE tenant_id = $1 AND name = $2", own.marks[0])
    async with open_portal(still, own.scope, "viewer") as person:
        email = f"viewer-{own.ids['note_id']}@example.com"
        forged = {"role": "owner", "member_id": str(boss["id"]), "id": str(boss["id"]), "permissions": "all", "is_admin": "1"}
        sent = {"name": "Not The Boss", "email": email, **forged}
        answer = await person.send("/settings/members/me", sent, follow=False)
        assert answer.status == 303
        found = await rows(still, own.scope, "SELECT id, name, role FROM members WHERE tenant_id = $1")
        roles = {row["id"]: (row["name"], row["role"]) for row in found}
        assert roles[person.member.id] == ("Not The Boss", "viewer")
        assert roles[boss["id"]] == (boss["name"], "owner")


async def test_a_forms_own_id_may_be_anybodys(still: House, stocks: Stocks, cluster: Postgres) -> None:
    """Ids that a form makes for itself are its business's own: one that another business has used is free here."""
    own, other = stocks
    [said] = await rows(still, other.scope, "SELECT token FROM human_messages WHERE tenant_id = $1")
    used = {"reply": str(said["token"]), "notes": other.ids["note_id"], "api-keys": other.ids["key_id"]}
    cases = {case.path.rpartition("/")[2]: case for case in PORTAL if case.method == "POST" and case.path != "/settings/members"}
    async with look(cluster) as view, open_portal(still, own.scope) as person:
        before = await view.checksums(other.scope)
        await _ask(person, cases["take-over"], own.ids)
        for name, value in used.items():
            ids = (own.ids | {"form_id": value}, own.ids | {"form_id": twin(value)})
            foreign, fresh = [await _ask(person, cases[name], each) for each in ids]
            assert (foreign.status, fresh.status) == (cases[name].own,) * 2, name
            again = await _ask(person, cases[name], ids[0])
            assert again.status == (409 if name == "api-keys" else 303), f"{name}: the control, it is its own now"
        assert await view.checksums(other.scope) == before
    counted = await rows(still, own.scope, "SELECT count(*) FROM human_messages WHERE tenant_id = $1")
    assert counted[0]["count"] == 3, "the one that was there, and one for each form"
    await _a_workspace_of_another_business_is_not_taken(still, own, other, cluster)


async def _a_workspace_of_another_business_is_not_taken(still: House, own: Stock, other: Stock, cluster: Postgres) -> None:
    """Neither with one's own token nor with a stolen one; and a token that does not fit tells nothing of whose it is."""
    mine, theirs = still.teams
    form = {"app": "A1", "bot_user": "UBOT0"}
    async with look(cluster) as view, open_portal(still, own.scope) as person:
        before = await view.checksums(other.scope)
        foreign = await person.send("/channels/slack", {"team": theirs.team_id, "token": mine.token, **form}, follow=False)
        nothing = await person.send("/channels/slack", {"team": "T0NOBODY0", "token": mine.token, **form}, follow=False)
        assert foreign.status == 422
        assert _seen(foreign, theirs.team_id) == _seen(nothing, "T0NOBODY0")
        whole = {"team": theirs.team_id, "token": theirs.token, "app": "A1", "bot_user": theirs.bot_user_id}
        stolen = await person.send("/channels/slack", whole, follow=False)
        assert (stolen.status, theirs.token in stolen.text) == (409, False)
        _tells_nothing(stolen, other, theirs.team_id)
        assert await view.checksums(other.scope) == before


async def test_operators_find_nothing_of_one_business_in_another(
    still: House, stocks: Stocks, cluster: Postgres, db: Database
) -> None:
    own, other = stocks
    olga = await create_operator(db, f"Olga {own.scope.tenant_id.hex[-12:]}")
    asked = 0
    async with look(cluster) as view, open_operations(still, olga) as desk:
        before = await view.checksums(other.scope)
        opened = await desk.post(f"/operator/tenants/{own.scope.tenant_id}/access", follow=False, reason=REASON)
        assert opened.status == 303
        for case in OPERATOR:
            for name in case.ids:
                # Operators see every business; what is in it is what they may not mix.
                kinds = {"conversation_id", "letter_id", "delivery_id", name} - {"tenant_id"}
                status = await _look_the_same(desk, case, own, other, name, [other.ids[kind] for kind in sorted(kinds)])
                content = "/content" in case.path and name == "tenant_id"
                assert status == (403 if content else 404), f"{case.method} {case.path} {name}"
                asked += len(kinds)
            for query in case.queries:
                for name in set(re.findall(r"\{(\w+)\}", query)) - {"tenant_id"}:
                    await _look_the_same(desk, case, own, other, name, [other.ids[name]], query)
                    asked += 1
        assert await view.checksums(other.scope) == before
        for case in OPERATOR:
            answer = await _ask(desk, case, own.ids)
            assert answer.status == case.own, f"{case.method} {case.path}: {answer.status} {answer.text[-900:]}"
        assert await view.checksums(other.scope) == before
    assert asked >= 40


async def test_what_opens_one_business_opens_no_other(still: House, stocks: Stocks) -> None:
    """A session, a key and a stream's place of A with B's name on them, and each in the place of another."""
    own, other = stocks
    async with open_portal(still, own.scope) as mine, open_portal(still, other.scope) as theirs:
        secret = mine.ticket.partition(".")[2]
        made = await mine.post("/settings/api-keys", name="Report", scope="conversations:view", lifetime="")
        [key] = set(re.findall(r"kst_[0-9a-f]{32}_[\w-]{20,}", made.text))
        swapped_key = key.replace(own.scope.tenant_id.hex, other.scope.tenant_id.hex)
        swapped = f"{other.scope.tenant_id.hex}.{secret}"
        cookies = (swapped, key, swapped_key, f"{other.scope.tenant_id.hex}.{key.rpartition('_')[2]}", "made-up")
        answers = []
        for value in cookies:
            headers = {"Cookie": f"konstruct_session={value}", "Sec-Fetch-Site": "same-origin"}
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{still.url}/inbox", headers=headers, allow_redirects=False) as got,
            ):
                answers.append((got.status, got.headers["Location"], await got.text()))
        assert set(answers) == {(303, "/sign-in?next=%2Finbox", "")}
        refused = []
        for value in (swapped_key, mine.ticket, theirs.ticket, f"kst_{other.scope.tenant_id.hex}_{secret}", "kst_x"):
            headers = {"Authorization": f"Bearer {value}"}
            async with aiohttp.ClientSession() as http, http.get(f"{still.url}/api/v1/conversations", headers=headers) as got:
                refused.append((got.status, await got.text()))
        assert len(set(refused)) == 1 and refused[0][0] == 401
        # The control.
        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
            async with http.get(f"{still.url}/api/v1/conversations") as got:
                assert got.status == 200 and own.ids["conversation_id"] in await got.text()
        assert (await mine.get("/inbox", follow=False)).status == 200
    await _what_is_for_everybody_is_about_nobody(still, stocks)


async def _what_is_for_everybody_is_about_nobody(still: House, stocks: Stocks) -> None:
    async with aiohttp.ClientSession() as http:
        for _, path in sorted(PUBLIC):
            async with http.get(still.url + (path or "") + ("/app.css" if path == "/static" else "")) as got:
                whole = await got.text() + str(got.headers)
                assert got.status in (200, 503, 404), path
                for stock in stocks:
                    assert not [mark for mark in stock.marks if mark in whole], path
                    assert not [kind for kind, value in stock.ids.items() if value in whole], path
