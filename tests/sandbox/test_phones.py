"""What a person does on a phone, and what the app hears of it; and the pages without any script."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sandbox.meta_support import CHIDI, FERN, LAYLA, MARLOW, MIRA, NUMBER, YUSUF, Graph, text
from tests.sandbox.support import Listener, Sandbox

BUSINESS = FERN.portfolio.business_id


@pytest.fixture
def graph(sandbox: Sandbox, listener: Listener) -> Graph:
    return Graph(sandbox, listener)


def _interactive(kind: str) -> dict[str, Any]:
    if kind == "button":
        action: dict[str, Any] = {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}}]}
    else:
        action = {"button": "Times", "sections": [{"rows": [{"id": "t1", "title": "Ten", "description": "in the morning"}]}]}
    return {"type": "interactive", "interactive": {"type": kind, "body": {"text": "Well?"}, "action": action}}


async def test_everything_that_a_person_can_send(graph: Graph) -> None:
    first = await graph.write("Hello")
    acts: tuple[tuple[str, dict[str, Any]], ...] = (
        ("write", {"text": "An answer", "quote": first.wamid}),
        ("sample", {"sample": "picture"}),
        ("sample", {"sample": "document"}),
        ("sample", {"sample": "voice"}),
        ("place", {}),
        ("card", {}),
        ("poll", {}),
    )
    for do, fields in acts:
        assert (await graph.act(do, **fields))[0] == 200, do
    heard = {each["type"]: each for each in await graph.messages(8)}
    answer = next(each for each in await graph.messages(8) if each.get("context"))
    assert answer["context"] == {"from": FERN.number.digits, "id": first.wamid}
    assert set(heard) == {"text", "image", "document", "audio", "location", "contacts", "unsupported"}
    assert heard["audio"]["audio"]["voice"] is True and heard["document"]["document"]["filename"] == "receipt.pdf"
    assert heard["location"]["location"]["latitude"] == pytest.approx(51.5033)
    assert heard["contacts"]["contacts"][0]["phones"][0]["wa_id"] == YUSUF.digits
    assert heard["unsupported"]["errors"][0]["code"] == 131051
    _, shown = await graph.call("GET", heard["image"]["image"]["id"])
    assert shown["mime_type"] == "image/png"
    for name, fields, status in (
        ("nothing", {"text": "  "}, 409),
        ("to nobody", {"text": "x", "number": "1"}, 404),
        ("from nobody", {"text": "x", "phone": "x"}, 404),
        ("an answer to nothing", {"text": "x", "quote": "wamid.x"}, 404),
    ):
        form = {"do": "write", "phone": "mira", "number": NUMBER, **fields}
        async with graph.sandbox.http.post(f"{graph.sandbox.url}/sandbox/phone/act", data=form) as response:
            assert response.status == status, name
    assert (await graph.act("dance"))[0] == 404


async def test_what_is_pressed_comes_back(graph: Graph) -> None:
    await graph.write()
    for kind, choice, wire in (
        ("button", "yes", {"id": "yes", "title": "Yes"}),
        ("list", "t1", {"id": "t1", "title": "Ten", "description": "in the morning"}),
    ):
        _, body = await graph.send(**_interactive(kind))
        wamid = body["messages"][0]["id"]
        assert (await graph.act("press", wamid=wamid, choice="other"))[0] == 404
        assert (await graph.act("press", phone="yusuf", wamid=wamid, choice=choice))[0] == 404, "it is not in his phone"
        assert (await graph.act("press", wamid=wamid, choice=choice))[0] == 200
        graph.wait(7)
        found = [each for each in await graph.messages(2) if each["type"] == "interactive" and each["context"]["id"] == wamid]
        while not found:
            found = [each for each in await graph.messages(3) if each["type"] == "interactive" and each["context"]["id"] == wamid]
        assert found[0]["interactive"][f"{kind}_reply"] == wire
    reminder = {"type": "template", "template": {"name": "spring_service", "language": {"code": "en"}}}
    reminder["template"]["components"] = [{"type": "body", "parameters": [{"type": "text", "text": "Mira"}]}]  # type: ignore[index]
    _, body = await graph.send(**reminder)  # type: ignore[arg-type]
    await graph.act("press", wamid=body["messages"][0]["id"], choice="Book a service")
    button = (await graph.messages(4))[-1]
    assert button["button"] == {"payload": "Book a service", "text": "Book a service"}


async def test_what_is_said_can_be_changed_for_a_while(graph: Graph) -> None:
    note = await graph.write("Helo")
    _, body = await graph.send(**text())
    theirs = body["messages"][0]["id"]
    await graph.act("write", text="Hello", edit=note.wamid)
    await graph.act("react", wamid=theirs, emoji="👍")
    await graph.act("react", wamid=theirs, emoji="👍")
    await graph.act("delete", wamid=note.wamid)
    heard = (await graph.messages(5))[1:]
    by_type = {each["type"]: each for each in heard}
    assert by_type["edit"]["edit"] == {"original_message_id": note.wamid, "message": {"type": "text", "text": {"body": "Hello"}}}
    assert by_type["revoke"]["revoke"] == {"original_message_id": note.wamid}
    reactions = [each["reaction"] for each in heard if each["type"] == "reaction"]
    assert sorted(reactions, key=len) == [{"message_id": theirs}, {"message_id": theirs, "emoji": "👍"}]
    for do, fields in (
        ("delete", {"wamid": note.wamid}),
        ("delete", {"wamid": theirs}),
        ("write", {"text": "x", "edit": theirs}),
        ("write", {"text": "x", "edit": note.wamid}),
    ):
        assert (await graph.act(do, **fields))[0] == 409, (do, fields)
    old = await graph.write("old")
    graph.sandbox.store.meta.notes.change(old, at=old.at - 16 * 60)
    assert (await graph.act("write", text="x", edit=old.wamid))[0] == 409, "after a quarter of an hour"
    assert (await graph.act("delete", wamid=old.wamid))[0] == 200
    assert len(await graph.messages(7)) == 7


async def test_a_new_number_is_told_to_whom_it_was_known(graph: Graph) -> None:
    await graph.write()
    await graph.messages()
    await graph.act("move")
    (update,) = await graph.heard("user_id_update")
    moved = graph.sandbox.store.meta.phones.get("mira")
    assert moved is not None and moved.digits != MIRA.digits
    (change,) = update["user_id_update"]
    assert change["user_id"] == {"previous": MIRA.user_id(BUSINESS), "current": moved.user_id(BUSINESS)}
    system = next(each for each in await graph.messages(2) if each["type"] == "system")
    assert (system["from"], system["from_user_id"]) == (MIRA.digits, MIRA.user_id(BUSINESS))
    assert system["system"]["type"] == "user_changed_number" and system["system"]["wa_id"] == moved.digits
    assert await graph.code(**text()) == 131026, "nobody has the old number"
    assert await graph.code(to=moved.digits, **text()) == 0
    assert {value["metadata"]["phone_number_id"] for value in await graph.heard("messages", 2)} == {NUMBER}, "no other business"


async def test_a_report_costs_quality(graph: Graph) -> None:
    await graph.write()
    for wanted in ("YELLOW", "RED", "RED"):
        await graph.act("report")
        _, body = await graph.call("GET", NUMBER, params={"fields": "quality_rating"})
        assert body["quality_rating"] == wanted
        assert (await graph.act("write", text="x"))[0] == 409
        await graph.act("block", on="0")
    assert (await graph.call("GET", MARLOW.number.phone_number_id, MARLOW))[1]["quality_rating"] == "GREEN"


async def _page(graph: Graph, path: str, status: int = 200) -> str:
    async with graph.sandbox.http.get(graph.sandbox.url + path) as response:
        assert response.status == status, path
        assert "script-src 'self'" in response.headers["Content-Security-Policy"]
        return await response.text()


async def test_the_pages_work_without_a_script(graph: Graph) -> None:
    home = await _page(graph, "/sandbox")
    assert all(phone.name in home for phone in (MIRA, YUSUF, LAYLA, CHIDI)) and LAYLA.digits[-7:] not in home
    html = await _page(graph, "/sandbox/p/mira")
    assert "Write to Fernwood Cycles" in html and "When are we open on Saturday?" in html
    form = {
        "do": "write",
        "phone": "mira",
        "number": NUMBER,
        "text": "*Bold* <b>no</b> _soft_ ~gone~ `code` &amp;\n- one\n> said",
    }
    where = {"Accept": "text/html", "Referer": f"{graph.sandbox.url}/sandbox/p/mira/{NUMBER}?quote=x"}
    async with graph.sandbox.http.post(f"{graph.sandbox.url}/sandbox/phone/act", data=form, headers=where) as response:
        assert response.url.path == f"/sandbox/p/mira/{NUMBER}" and not response.url.query_string
        html = await response.text()
    for part in (
        "<strong>Bold</strong>",
        "&lt;b&gt;no&lt;/b&gt;",
        "<em>soft</em>",
        "<s>gone</s>",
        "<code>code</code>",
        "&amp;amp;",
    ):
        assert part in html, part
    assert re.search(r"<li>one</li>", html) and re.search(r"<blockquote>said", html)
    await graph.send(**_interactive("list"))
    await graph.statuses(2)
    html = await _page(graph, f"/sandbox/p/mira/{NUMBER}")
    assert 'value="t1"' in html and "in the morning" in html
    assert (await graph.statuses(3))[-1]["status"] == "read", "whoever opens the chat has read it"
    note = graph.sandbox.store.meta.notes.chat("mira", NUMBER)[0]
    assert "Editing your message" in await _page(graph, f"/sandbox/p/mira/{NUMBER}?edit={note.wamid}")
    assert "Hello" not in await _page(graph, f"/sandbox/p/yusuf/{NUMBER}"), "another phone"
    for path in ("/sandbox/p/nobody", "/sandbox/p/mira/1"):
        await _page(graph, path, 404)
    panel = await _page(graph, "/sandbox/control/whatsapp")
    assert "Fernwood Cycles" in panel and 'value="131056"' in panel
    cross = {"Sec-Fetch-Site": "cross-site"}
    for path in ("/sandbox/phone/act", "/sandbox/control/whatsapp"):
        async with graph.sandbox.http.post(graph.sandbox.url + path, data=form, headers=cross) as response:
            assert response.status == 403
