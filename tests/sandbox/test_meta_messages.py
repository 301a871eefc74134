"""What the simulated Meta takes and refuses of `POST /{phone}/messages`, case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from konstruct.local.sandbox.meta.errors import GraphError
from konstruct.local.sandbox.meta.pace import Pace
from konstruct.local.sandbox.meta.samples import MetaBusiness
from konstruct.local.sandbox.meta.tokens import MetaToken
from tests.sandbox.meta_support import (
    CHIDI,
    FERN,
    HARBOR,
    LAYLA,
    LAYLA_ID,
    MARLOW,
    MIRA,
    NUMBER,
    REMINDER,
    Graph,
    code_of,
    template,
    text,
)
from tests.sandbox.support import Listener, Sandbox

Case = tuple[str, dict[str, Any], int]


@pytest.fixture
def graph(sandbox: Sandbox, listener: Listener) -> Graph:
    return Graph(sandbox, listener)


def _buttons(*titles: str, **more: Any) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": f"id{at}", "title": title}} for at, title in enumerate(titles)]
    return {
        "type": "interactive",
        "interactive": {"type": "button", "body": {"text": "?"}, "action": {"buttons": replies}, **more},
    }


def _list(rows: int = 2, title: str = "Row", **more: Any) -> dict[str, Any]:
    found = [{"id": f"r{at}", "title": title, **more} for at in range(rows)]
    action = {"button": "Choose", "sections": [{"title": "All", "rows": found}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": "?"}, "action": action}}


def _two_sections() -> dict[str, Any]:
    message = _list(2)
    first = message["interactive"]["action"]["sections"][0]
    second = {"title": "", "rows": [{"id": "x", "title": "X"}]}
    message["interactive"]["action"]["sections"] = [first, second]
    return message


FORMS: tuple[Case, ...] = (
    ("a text", text(), 0),
    ("a text at its limit", text("x" * 4096), 0),
    ("a text beyond", text("x" * 4097), 100),
    ("an empty text", text(""), 100),
    ("a blank text", text(" \n"), 131009),
    ("no text", {"type": "text"}, 100),
    ("a text that is no string", {"type": "text", "text": {"body": 7}}, 131009),
    ("a key nobody knows", {"type": "text", "text": {"body": "a", "bold": True}}, 100),
    ("a preview that is no boolean", {"type": "text", "text": {"body": "a", "preview_url": "yes"}}, 131009),
    ("another product", {**text(), "messaging_product": "telegram"}, 131009),
    ("a group", {**text(), "recipient_type": "group"}, 131009),
    ("a type nobody knows", {"type": "song", "song": {}}, 100),
    ("two types", {**text(), "image": {"id": "1"}}, 131009),
    ("an overlong mark", {**text(), "biz_opaque_callback_data": "x" * 513}, 100),
    ("a mark at its limit", {**text(), "biz_opaque_callback_data": "x" * 512}, 0),
    ("an answer to nothing", {**text(), "context": {"message_id": "wamid.unknown"}}, 131009),
    ("a picture of nothing", {"type": "image", "image": {}}, 100),
    ("a picture twice", {"type": "image", "image": {"id": "1", "link": "https://a.b/c.png"}}, 100),
    ("a picture that is not there", {"type": "image", "image": {"id": "123"}}, 131053),
    ("a picture by address", {"type": "image", "image": {"link": "https://a.b/c.png", "caption": "x" * 1024}}, 0),
    ("an overlong caption", {"type": "image", "image": {"link": "https://a.b/c.png", "caption": "x" * 1025}}, 100),
    ("a file name of a picture", {"type": "image", "image": {"link": "https://a.b/c.png", "filename": "c"}}, 100),
    ("a picture of no address", {"type": "image", "image": {"link": "file:///etc/passwd"}}, 131009),
    ("a document", {"type": "document", "document": {"link": "https://a.b/c.pdf", "filename": "c.pdf"}}, 0),
    ("a place", {"type": "location", "location": {"latitude": 51.5, "longitude": "-0.1", "name": "Here"}}, 0),
    ("a place beyond Earth", {"type": "location", "location": {"latitude": 91, "longitude": 0}}, 131009),
    ("a place without a length", {"type": "location", "location": {"latitude": 1}}, 100),
    ("a contact", {"type": "contacts", "contacts": [{"name": {"formatted_name": "Tom"}}]}, 0),
    ("a contact without a name", {"type": "contacts", "contacts": [{"name": {}}]}, 100),
    ("a reaction to nothing", {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "👍"}}, 131009),
    ("a reaction in words", {"type": "reaction", "reaction": {"message_id": "wamid.x", "emoji": "ok"}}, 131009),
    ("three buttons", _buttons("One", "Two", "x" * 20), 0),
    ("four buttons", _buttons("One", "Two", "Three", "Four"), 131009),
    ("no button", _buttons(), 131009),
    ("an overlong button", _buttons("x" * 21), 100),
    ("two buttons of one name", _buttons("One", "One"), 131009),
    ("an overlong body", _buttons("One", body={"text": "x" * 1025}), 100),
    ("an overlong footer", _buttons("One", footer={"text": "x" * 61}), 100),
    ("an overlong header", _buttons("One", header={"type": "text", "text": "x" * 61}), 100),
    ("a list of ten", _list(10, "x" * 24, description="x" * 72), 0),
    ("a list of eleven", _list(11), 131009),
    ("an overlong row", _list(1, "x" * 25), 100),
    ("an overlong description", _list(1, description="x" * 73), 100),
    ("two sections, one without a title", _two_sections(), 100),
    ("a carousel", {"type": "interactive", "interactive": {"type": "carousel"}}, 131009),
)


async def test_each_type_has_its_limits(graph: Graph) -> None:
    await graph.write()
    for name, values, wanted in FORMS:
        graph.wait(7)
        assert await graph.code(**values) == wanted, name
    assert code_of(await graph.call("POST", f"{NUMBER}/messages", json={"to": MIRA.digits, **text()})) == 100, "no product"
    assert await graph.code(to="", **text()) == 100, "nobody"
    assert code_of(await graph.call("POST", f"{NUMBER}/messages", json=[1])) == 100, "no object"
    accepted = graph.sandbox.store.records.accepted()
    assert len(accepted) == len([case for case in FORMS if not case[2]])


async def test_only_who_wrote_within_a_day_gets_a_free_text(graph: Graph) -> None:
    assert await graph.code(**text()) == 131047
    await graph.write()
    assert await graph.code(**text()) == 0
    graph.wait(24 * 3600 - 60)
    assert await graph.code(**text()) == 0, "just before"
    graph.wait(61)
    assert await graph.code(**text()) == 131047, "just after"
    assert await graph.code(**REMINDER) == 0, "a template goes all the same"
    await graph.act("call")
    graph.wait(7)
    assert await graph.code(**text()) == 0, "a call opens the window as well"
    assert await graph.code(MARLOW, **text()) == 131047, "the other business has a window of its own"


async def test_who_is_meant(graph: Graph) -> None:
    await graph.write("مرحبا", "layla")
    cases: tuple[Case, ...] = (
        ("nobody", {"to": "447700900999"}, 131026),
        ("nobody's id", {"recipient": "GB.1234"}, 131026),
        ("the number itself", {"to": FERN.number.digits}, 131021),
        ("an id", {"recipient": LAYLA_ID}, 0),
        ("another portfolio's id", {"recipient": LAYLA.user_id(MARLOW.portfolio.business_id)}, 131026),
        ("a number that wins over an id", {"to": CHIDI.digits, "recipient": LAYLA_ID}, 131047),
        ("a written number", {"to": f"+{LAYLA.digits[:2]} {LAYLA.digits[2:]}"}, 0),
    )
    for name, whom, wanted in cases:
        graph.wait(7)
        assert await graph.code(**whom, **text()) == wanted, name


async def test_nobody_is_written_to_faster_than_meta_lets_one(graph: Graph) -> None:
    await graph.write()
    assert [await graph.code(**text()), await graph.code(**text())] == [0, 131056]
    graph.wait(6)
    assert await graph.code(**text()) == 0
    now = [1000.0]
    counted = Pace(lambda: now[0])
    for at in range(80):
        counted.take("n", "STANDARD", f"p{at}")
    with pytest.raises(GraphError) as refused:
        counted.take("n", "STANDARD", "another")
    assert refused.value.code == 130429
    counted.take("other", "STANDARD", "another")
    now[0] += 1.0
    counted.take("n", "STANDARD", "another")


async def test_how_many_people_are_written_to_first(graph: Graph) -> None:
    store = graph.sandbox.store.meta
    store.businesses.change(FERN.portfolio, tier=2)
    people = [each.digits for each in store.phones.all()]
    assert [await graph.code(to=digits, **REMINDER) for digits in people[:3]] == [0, 0, 131064]
    graph.wait(7)
    assert await graph.code(to=people[0], **REMINDER) == 0, "who was counted counts once"
    await graph.write(phone="noa")
    assert await graph.code(to=people[3], **REMINDER) == 0, "who wrote counts not at all"
    assert await graph.code(MARLOW, to=people[2], **template("service_due", "Mira", "mill")) == 0, "another portfolio"
    graph.wait(24 * 3600)
    assert await graph.code(to=people[2], **REMINDER) == 0, "a day later"
    store.businesses.change(FERN.portfolio, tier=-1)
    assert [await graph.code(to=digits, **REMINDER) for digits in (people[1], people[4])] == [0, 0]


async def test_templates_are_filled_as_they_ask(graph: Graph) -> None:
    url = {"type": "button", "sub_type": "url", "index": "2", "parameters": [{"type": "text", "text": "2041"}]}
    three = ("Mira", "bike", "Saturday")
    cases: tuple[Case, ...] = (
        ("as it asks", template("repair_ready", *three, components=[url]), 0),
        ("one too few", template("repair_ready", "Mira", "bike", components=[url]), 132000),
        ("one too many", template("repair_ready", *three, "x", components=[url]), 132000),
        ("without the button's", template("repair_ready", *three), 132000),
        ("of a button that it has not", template("repair_ready", *three, components=[{**url, "index": "9"}]), 132000),
        ("with a break", template("appointment_reminder", "Mira", "Tuesday\nat ten"), 132012),
        ("with an empty one", template("appointment_reminder", "Mira", ""), 131008),
        ("in another language", template("appointment_reminder", "Mira", "Tuesday", language="de"), 132001),
        ("of another name", template("unknown"), 132001),
        ("of another business", template("service_due", "Mira", "mill"), 132001),
        ("not approved yet", template("winter_sale"), 132001),
        ("without a language", {"type": "template", "template": {"name": "winter_sale"}}, 100),
    )
    for name, values, wanted in cases:
        graph.wait(7)
        assert await graph.code(**values) == wanted, name
    store = graph.sandbox.store.meta.templates
    held = store.find(FERN.account.waba_id, "appointment_reminder", "en")
    assert held is not None
    for status, wanted in (("PAUSED", 132015), ("DISABLED", 132016), ("REJECTED", 132001), ("APPROVED", 0)):
        store.change(held, status=status)
        graph.wait(7)
        assert await graph.code(**REMINDER) == wanted, status
    store.change(held, category="AUTHENTICATION")
    graph.wait(7)
    assert await graph.code(recipient=LAYLA_ID, **REMINDER) == 131062


async def test_what_a_person_does_not_want(graph: Graph) -> None:
    offer = template("spring_service", "Mira")
    assert await graph.code(**offer) == 0
    await graph.act("marketing", on="1")
    graph.wait(7)
    assert await graph.code(**offer) == 131050
    assert await graph.code(**REMINDER) == 0, "what is no promotion goes"
    await graph.act("marketing", on="0")
    graph.wait(7)
    assert await graph.code(**offer) == 0
    await graph.act("block", on="1")
    graph.wait(7)
    assert await graph.code(**offer) == 0, "a block is not told"
    notes = graph.sandbox.store.meta.notes.chat("mira", NUMBER)
    assert [note.state for note in notes] == ["delivered"] * 3 + ["sent"]
    assert (await graph.act("write", text="Hello"))[0] == 409


async def test_where_a_number_stands(graph: Graph) -> None:
    await graph.write()
    for status, answer, first in (
        ("CONNECTED", 0, 0),
        ("FLAGGED", 0, 0),
        ("RESTRICTED", 0, 368),
        ("RATE_LIMITED", 0, 131048),
        ("BANNED", 131031, 131031),
        ("DISCONNECTED", 133010, 133010),
    ):
        graph.sandbox.store.meta.businesses.change(FERN.number, status=status)
        graph.wait(7)
        assert (await graph.code(**text()), await graph.code(to=CHIDI.digits, **REMINDER)) == (answer, first), status
    assert await graph.code(_harbor(graph), **text()) == 133010, "not registered"


def _harbor(graph: Graph) -> MetaBusiness:
    """Return Harbor Books with a token, before its number is registered."""
    business_id, waba_id = HARBOR.portfolio.business_id, HARBOR.account.waba_id
    graph.sandbox.store.meta.tokens.put(
        MetaToken("EAAharbor", business_id, waba_id, "whatsapp_business_messaging", graph.sandbox.store.control.now(), None, None)
    )
    return replace(HARBOR, token="EAAharbor")


async def test_a_read_message_shows_that_somebody_types(graph: Graph) -> None:
    await graph.write("one")
    second = await graph.write("two")
    read = {"messaging_product": "whatsapp", "status": "read"}
    path = f"{NUMBER}/messages"
    assert code_of(await graph.call("POST", path, json={**read, "message_id": "wamid.unknown"})) == 131009
    assert (
        code_of(await graph.call("POST", path, json={**read, "message_id": second.wamid, "typing_indicator": {"type": "x"}}))
        == 131009
    )
    _, body = await graph.call("POST", path, json={**read, "message_id": second.wamid, "typing_indicator": {"type": "text"}})
    assert body == {"success": True}
    store = graph.sandbox.store.meta
    assert [note.state for note in store.notes.chat("mira", NUMBER)] == ["read", "read"], "what came before is read with it"
    typing = store.phones.chat("mira", NUMBER).typing_until - graph.sandbox.store.control.now()
    assert 20 < typing <= 25
    await graph.send(**text())
    assert store.phones.chat("mira", NUMBER).typing_until == 0
