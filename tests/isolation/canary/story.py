"""The life of a business: every way in which words come in, are answered, stored, shown, mailed and taken out."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterable
from typing import Any, cast

import aiohttp

from konstruct.kit.ids import uuid7
from konstruct.tenants import operators
from konstruct.tenants.api_keys import SCOPES
from tests.api.table import routes
from tests.isolation.canary.plant import PATIENCE_S, Plant, place
from tests.isolation.http.cases import OPERATOR, PORTAL, SAMPLES, Case
from tests.isolation.http.stock import KINDS
from tests.operator.support import REASON, open_operations
from tests.support.fake_slack_app import Place
from tests.support.house import House, until
from tests.support.portal import Answer, Person, open_portal
from tests.support.slack_events import mention_pair, message


async def teach(plant: Plant, number: int, person: Person) -> str:
    """Fill every form of the portal once; return a key of the API."""
    m = plant.marks[number]
    told = {
        "name": f"Ada {m('employee')}",
        "instructions": f"You help people with bikes. {m('persona')}",
        "tone": "warm",
        "tone_note": m("tonenote"),
        "speaks": "listed",
        "languages": f"German, {m('language')}",
        "works": "hours",
        "time_zone": "UTC",
        "from_0": "09:00",
        "to_0": "17:00",
        "outside_hours": m("outsidehours"),
        "must_not": m("mustnot"),
        "policy": m("policy"),
        "note": m("versionnote"),
        "based_on": "1",
    }
    await send(plant, number, person, "/employee", told)
    limits = {"model": m("model"), "context_limit_tokens": "16000", "reply_limit_tokens": "1024"}
    await send(plant, number, person, "/employee/limits", limits)
    await send(plant, number, person, "/employee/try", {**told, "question": f"Hello, {m('tryout')}?"})
    invited = {"name": f"Kim {m('colleague')}", "email": f"{m('email')}@example.com", "role": "admin"}
    await send(plant, number, person, "/settings/members", invited)
    form = aiohttp.FormData({"title": f"Repairs {m('title')}", "text": f"A {m('fact')} repair of a bike takes three days."})
    # Multipart, as the page's own form is.
    form.add_field("none", b"", filename="")
    await send(plant, number, person, "/knowledge/texts", form)
    for name, content in (("filename", f"# Prices\nA {m('filetext')} wheel costs nine."), ("badfile", "%PDF-1.4 broken")):
        form = aiohttp.FormData()
        form.add_field("files", content.encode(), filename=f"{m(name)}.{'md' if name == 'filename' else 'pdf'}")
        await send(plant, number, person, "/knowledge/files", form)
    fields = [("name", m("keyname")), ("lifetime", ""), *(("scope", scope.value) for scope in SCOPES)]
    made = await send(plant, number, person, "/settings/api-keys", fields)
    [key] = set(re.findall(r"kst_[0-9a-f]{32}_[\w-]{20,}", made.text))
    await _add_to_slack(plant, number, person)
    return str(key)


async def _add_to_slack(plant: Plant, number: int, person: Person) -> None:
    """Approve the app once more: what the workspace is called, and what it gives, comes from Slack."""
    m, team = plant.marks[number], plant.teams[number]
    place = Place(team.team_id, f"Workspace {m('workspace')}", team.bot_user_id, token=team.token)
    consent = (await person.get("/oauth/slack/start", follow=False)).path
    answer = await person.get(plant.slack.app.approve(consent, place, more=f"{m('scope')}:read"))
    assert answer.status == 200 and m("workspace") in answer.text
    plant.sinks.add(number, "portal", answer.text, str(answer.headers))


async def send(plant: Plant, number: int, person: Person, path: str, data: Any) -> Answer:
    """Send a form, and look at what comes back."""
    answer = await person.send(path, data)
    assert answer.status < 400, f"{path}: {answer.status} {answer.text[-500:]}"
    plant.sinks.add(number, "portal", answer.text, answer.path, str(answer.headers))
    return answer


async def call(plant: Plant, number: int, key: str, method: str, path: str, **options: Any) -> None:
    """Call the API, and look at what comes back."""
    headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
    async with plant.http.request(method, plant.url + path, headers=headers, **options) as answer:
        text = await answer.text()
        assert answer.status < 400, f"{method} {path}: {text}"
        plant.sinks.add(number, "api", text, str(answer.headers))


async def talk(plant: Plant, number: int) -> None:
    """Let people write in every way: an answer from a document, a mention, a tool, a fallback, a refused answer."""
    m, team = plant.marks[number], plant.teams[number]
    person, direct, channel = f"U{m('user')}".upper(), place(m, "D"), place(m, "C")
    file = {"id": "F1", "name": f"{m('attachment')}.pdf", "mimetype": "application/pdf", "size": 3}
    first = message(
        team,
        direct,
        person,
        f"How long does a {m('fact')} repair take? {m('question')}",
        user_profile={"display_name": m("contact")},
        files=[file | {"url_private_download": f"https://files.test/{m('url')}"}],
        client_msg_id=m("client"),
    )
    await plant.deliver({**first, "event_id": f"Ev{m('event')}"})
    for delivery in mention_pair(team, channel, person, m("mention")):
        await plant.deliver(delivery)
    for delivery in mention_pair(team, channel, person, f"please use a tool, {m('toolask')}"):
        await plant.deliver(delivery)
    for delivery in mention_pair(team, channel, person, f"now break down, {m('breakask')}"):
        await plant.deliver(delivery)
    await plant.deliver(message(team, place(m, "DX"), person, f"hello from {m('nowhere')}"))


async def answer_by_hand(plant: Plant, number: int, person: Person) -> None:
    """Take the first conversation over, reply, leave a note, hand it back."""
    m = plant.marks[number]
    sql = "SELECT id FROM conversations WHERE tenant_id = $1 AND kind = 'direct' AND upper(channel_id) = "
    [row] = await plant.fetch(number, f"{sql}'{place(m, 'D')}'")
    home = f"/inbox/{row['id']}"
    await send(plant, number, person, f"{home}/take-over", {"epoch": "0", "text": ""})
    await send(plant, number, person, f"{home}/reply", {"epoch": "1", "text": f"I say {m('reply')}", "token": str(uuid7())})
    await send(plant, number, person, f"{home}/notes", {"note": f"Mind {m('note')}", "token": str(uuid7())})
    await send(plant, number, person, f"{home}/hand-back", {"epoch": "1", "text": ""})


async def go_on(plant: Plant, number: int) -> None:
    """Let the person of the first conversation ask on: the employee reads what it and its colleague have said."""
    m = plant.marks[number]
    person = f"U{m('user')}".upper()
    await plant.deliver(message(plant.teams[number], place(m, "D"), person, f"And for two, {m('question')}?"))


async def look_at_everything(plant: Plant, number: int, person: Person, key: str) -> None:
    """Open every page, stream and list as a business's owner and with its key; take the export out."""
    m = plant.marks[number]
    ids = {kind: [str(row[0]) for row in await plant.fetch(number, sql)] for kind, sql in KINDS.items()}
    ids["note_id"], ids["form_id"] = ids["note_id"][:1], [str(uuid7())]
    for case in PORTAL:
        if case.method == "GET" and not case.path.endswith(("/file", "/events", "/raw/{key}", "{ticket}", "/start", "/callback")):
            for address in _addresses(case, ids):
                answer = await person.get(address)
                assert answer.status == 200, f"{address}: {answer.status}"
                plant.sinks.add(number, "portal", answer.text, answer.path, str(answer.headers))
    for turn in ids["turn_id"]:
        shown = await person.get(f"/turns/{turn}")
        for raw in sorted(set(re.findall(rf"/turns/{turn}/raw/[\w-]+", shown.text))):
            plant.sinks.add(number, "portal", (await person.get(raw)).text)
    for word in ("question", "reply", "answer"):
        plant.sinks.add(number, "search", (await person.get(f"/inbox?q={m(word)}")).text.replace(f'value="{m(word)}"', ""))
    plant.sinks.add(number, "search", (await person.get("/knowledge/search?q=repair+bike+wheel")).text)
    events = {"Last-Event-ID": "0.1.0"}
    async with person.http.get(f"{plant.url}/inbox/{ids['conversation_id'][0]}/events", headers=events) as stream:
        plant.sinks.add(number, "stream", (await stream.content.readuntil(b"event: seen")).decode())
    for route in routes():
        if route.method == "GET":
            for address in _addresses(Case("GET", route.path), ids | {"version": ["1", "2"]}):
                await call(plant, number, key, "GET", address)
    await call(plant, number, key, "POST", "/api/v1/documents/search", json={"query": "repair bike wheel"})


def _addresses(case: Case, ids: dict[str, list[str]]) -> Iterable[str]:
    names = re.findall(r"\{(\w+)\}", case.path)
    chosen = {**{name: [text] for name, text in SAMPLES.items()}, **ids}
    for position in range(max([len(chosen[name]) for name in names], default=1)):
        yield case.path.format(**{name: chosen[name][min(position, len(chosen[name]) - 1)] for name in names})


async def take_out(plant: Plant, number: int, person: Person) -> None:
    """Ask for the export, wait for it, and look into its files."""
    await send(plant, number, person, "/settings/export", {})
    await until(lambda: _exported(plant, number), PATIENCE_S)
    [row] = await plant.fetch(number, "SELECT id FROM exports WHERE tenant_id = $1")
    async with person.http.get(f"{plant.url}/settings/export/{row['id']}/file") as got:
        assert got.status == 200
        archive = zipfile.ZipFile(io.BytesIO(await got.read()))
    for name in archive.namelist():
        plant.sinks.add(number, "export", name, archive.read(name).decode())


async def _exported(plant: Plant, number: int) -> bool:
    return bool(await plant.fetch(number, "SELECT 1 FROM exports WHERE tenant_id = $1 AND state = 'done'"))


async def operate(plant: Plant) -> None:
    """Look at both businesses as an operator, with a reason; try a refused answer once more."""
    olga = await operators.create_operator(plant.db, "Olga")
    async with open_operations(cast("House", plant), olga) as desk:
        for number, scope in enumerate(plant.scopes):
            reason = f"{REASON} {plant.marks[number]('accessreason')}"
            await desk.post(f"/operator/tenants/{scope.tenant_id}/access", reason=reason)
            letters = await plant.fetch(number, "SELECT id FROM dead_letters WHERE tenant_id = $1 AND kind = 'delivery'")
            conversations = await plant.fetch(number, KINDS["conversation_id"])
            ids = {"tenant_id": [str(scope.tenant_id)], "letter_id": [str(letters[0][0])]}
            ids["conversation_id"] = [str(row[0]) for row in conversations]
            for case in OPERATOR:
                if case.method == "GET" and "tenant_id" in case.ids:
                    for address in _addresses(case, ids):
                        answer = await desk.get(address)
                        assert answer.status == 200, f"{address}: {answer.status}"
                        plant.sinks.add(number, "operator", answer.text, str(answer.headers))
            await desk.post(f"/operator/dead-letters/{scope.tenant_id}/{letters[0][0]}/discard")


def portal_of(plant: Plant, number: int) -> Any:
    """Sign an owner in."""
    return open_portal(cast("House", plant), plant.scopes[number], "owner", name=f"Pat {plant.marks[number]('member')}")
