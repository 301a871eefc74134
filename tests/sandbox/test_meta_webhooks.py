"""What the app hears of the simulated Meta: signed as Meta signs, again and again until it is taken, in order or not."""

from __future__ import annotations

import json

import pytest

from konstruct.local.sandbox.meta.application import UNKNOWN_APP
from konstruct.local.sandbox.meta.wire import sign_body
from tests.sandbox.meta_support import FERN, LAYLA, LAYLA_ID, MIRA, NUMBER, YUSUF, Graph, text, values_of
from tests.sandbox.support import Listener, Sandbox, until

OWN_ID = MIRA.user_id(FERN.portfolio.business_id)


@pytest.fixture
def graph(sandbox: Sandbox, listener: Listener) -> Graph:
    return Graph(sandbox, listener)


async def test_what_is_signed_is_escaped(graph: Graph) -> None:
    await graph.write("Größe 🚲 مرحبا https://a.b/c", "yusuf")
    (heard,) = await _heard(graph, 1)
    body = heard.body
    assert body.isascii() and b"\\ud83d\\udeb2" in body and b"https:\\/\\/a.b\\/c" in body and b"\\u00f6" in body
    assert heard.headers["x-hub-signature-256"] == sign_body(UNKNOWN_APP.secret, body)
    value = json.loads(body)["entry"][0]["changes"][0]["value"]
    assert value["contacts"] == [
        {"profile": {"name": YUSUF.name}, "wa_id": YUSUF.digits, "user_id": YUSUF.user_id(FERN.portfolio.business_id)}
    ]
    assert value["messages"][0]["text"]["body"] == "Größe 🚲 مرحبا https://a.b/c"
    assert json.loads(body)["entry"][0]["id"] == FERN.account.waba_id


async def _heard(graph: Graph, count: int) -> list:  # type: ignore[type-arg]  # of Heard
    await until(lambda: len(graph.listener.meta) >= count)
    return graph.listener.meta


async def test_what_is_not_taken_comes_again(graph: Graph) -> None:
    graph.listener.meta_answers = [500, 503]
    note = await graph.write()
    heard = await _heard(graph, 3)
    assert len({each.body for each in heard}) == 1, "the very same bytes"
    await until(lambda: note.wamid not in graph.sandbox.store.outbox.untaken_threads(NUMBER))
    graph.listener.meta_answers = [500] * 4
    lost = await graph.write("lost")
    await _heard(graph, 7)
    await until(lambda: lost.wamid in graph.sandbox.store.outbox.untaken_threads(NUMBER))


async def test_a_hidden_number_is_never_told(graph: Graph) -> None:
    await graph.write("hello", "layla")
    await graph.send(recipient=LAYLA_ID, **text())
    await graph.statuses(2)
    await graph.act("marketing", "layla", on="1")
    await graph.heard("user_preferences")
    await graph.act("call", "layla")
    await graph.heard("calls", 2)
    told = b"".join(each.body for each in graph.listener.meta)
    assert LAYLA.digits.encode() not in told and LAYLA_ID.encode() in told


async def test_statuses_climb_and_name_the_price(graph: Graph) -> None:
    note = await graph.write()
    _, body = await graph.send(**text(), biz_opaque_callback_data="d-1", context={"message_id": note.wamid})
    sent, delivered = await graph.statuses(2)
    assert (sent["status"], delivered["status"]) == ("sent", "delivered")
    price = {"billable": True, "pricing_model": "PMP", "category": "service", "type": "regular"}
    for each in (sent, delivered):
        assert each["pricing"] == price and each["biz_opaque_callback_data"] == "d-1"
        assert (each["id"], each["recipient_id"], each["recipient_user_id"]) == (body["messages"][0]["id"], MIRA.digits, OWN_ID)
    await graph.act("read")
    assert (await graph.statuses(3))[-1]["status"] == "read"
    await graph.act("read")
    graph.sandbox.store.control.set(whatsapp_receipts=False, whatsapp_ai_prices=True)
    graph.wait(7)
    await graph.send(**text())
    assert (await graph.statuses(5))[-1]["pricing"]["category"] == "general_purpose_ai"
    await graph.act("read")
    await graph.write("after")
    await graph.messages(2)
    assert len(await graph.statuses(5)) == 5, "read, and nobody hears of it"


async def test_they_come_out_of_order_twice_and_together(graph: Graph) -> None:
    await graph.write()
    control = graph.sandbox.store.control
    control.set(whatsapp_disorder=True)
    await graph.send(**text())
    assert [each["status"] for each in await graph.statuses(2)] == ["delivered", "sent"]
    control.set(whatsapp_disorder=False, whatsapp_twice=True)
    graph.wait(7)
    await graph.send(**text())
    assert [each["status"] for each in (await graph.statuses(6))[2:]] == ["sent", "sent", "delivered", "delivered"]
    control.set(whatsapp_twice=False, whatsapp_batches=True)
    await graph.act("call")
    await graph.heard("calls", 2)
    (batch,) = [each for each in graph.listener.meta if values_of([each], "calls")]
    assert [call["event"] for value in values_of([batch], "calls") for call in value["calls"]] == ["connect", "terminate"]
    control.set(whatsapp_batches=False, whatsapp_late_refusals=True)
    graph.wait(25 * 3600)
    assert await graph.code(**text()) == 0
    failed = (await graph.statuses(7))[-1]
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131047)


async def test_what_the_panel_decides_is_told(graph: Graph) -> None:
    number, waba, business = NUMBER, FERN.account.waba_id, FERN.portfolio.business_id
    await graph.turn("status", id=number, value="BANNED")
    await graph.turn("status", id=number, value="CONNECTED")
    await graph.turn("status", id=number, value="RESTRICTED")
    told = await graph.heard("account_update", 3)
    kinds = sorted((each["event"], each.get("ban_info", {}).get("waba_ban_state", "")) for each in told)
    assert kinds == [("ACCOUNT_RESTRICTION", ""), ("DISABLED_UPDATE", "DISABLE"), ("DISABLED_UPDATE", "REINSTATE")]
    await graph.turn("tier", id=business, value="10000")
    (capability,) = await graph.heard("business_capability_update")
    assert capability["max_daily_conversations_per_business"] == 10_000
    await graph.turn("event", id=waba, value="PARTNER_REMOVED")
    assert (await graph.heard("account_update", 4))[-1]["waba_info"] == {"waba_id": waba, "owner_business_id": business}
    await graph.write("is anybody there?")
    assert (await graph.call("GET", number))[0] == 401
    assert not [value for value in values_of(graph.listener.meta, "messages") if value.get("messages")], "nobody is subscribed"
