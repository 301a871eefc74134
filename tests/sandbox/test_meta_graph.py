"""The simulated Graph API besides messages: tokens, objects and their fields, files, templates, codes, and errors on request."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import aiohttp
import pytest

from konstruct.local.sandbox.meta.application import APP_ID, CONFIG_ID, UNKNOWN_APP
from konstruct.local.sandbox.meta.errors import ERRORS
from konstruct.local.sandbox.meta.sample_files import SAMPLES
from tests.sandbox.meta_support import FERN, HARBOR, MARLOW, MIRA, NUMBER, Graph, code_of, text
from tests.sandbox.support import Listener, Sandbox

WABA, BUSINESS = FERN.account.waba_id, FERN.portfolio.business_id
APP_TOKEN = f"{APP_ID}|{UNKNOWN_APP.secret}"


@pytest.fixture
def graph(sandbox: Sandbox, listener: Listener) -> Graph:
    return Graph(sandbox, listener)


async def test_nothing_is_there_for_another_token(graph: Graph) -> None:
    paths = (NUMBER, WABA, BUSINESS, f"{WABA}/message_templates", f"{WABA}/phone_numbers", f"{WABA}/subscribed_apps", f"{WABA}01")
    for path in paths:
        assert code_of(await graph.call("GET", path)) == 0, path
        status, body = await graph.call("GET", path, MARLOW)
        assert status == 400, path
        error = body["error"]
        assert (status, error["code"], error["error_subcode"]) == (400, 100, 33), path
        assert error["type"] == "OAuthException" and error["fbtrace_id"], path
        for token, wanted in (("EAAinvented", (401, 190)), ("", (401, 104))):
            status, body = await graph.call("GET", path, token=token)
            assert (status, body["error"]["code"]) == wanted, path
    assert (await graph.call("POST", f"{NUMBER}/messages", MARLOW, json={}))[1]["error"]["error_subcode"] == 33
    status, body = await graph.call("GET", "999999")
    assert (status, body["error"]["error_subcode"]) == (400, 33)
    for path, code in (("a/b/c", 2500), ("me/nothing", 100)):
        assert code_of(await graph.call("GET", path)) == code, path
    base = f"{graph.sandbox.url}/sandbox/meta"
    for version, code in (("v19.0", 2635), ("latest", 2500)):
        async with graph.sandbox.http.get(f"{base}/{version}/{NUMBER}") as response:
            assert (response.status, (await response.json())["error"]["code"]) == (400, code), version


async def test_a_token_ends(graph: Graph) -> None:
    assert await graph.turn("token", id=WABA, value="expire") == 303
    status, body = await graph.call("GET", NUMBER)
    assert (status, body["error"]["code"], body["error"]["error_subcode"]) == (401, 190, 463)
    assert (await _debugged(graph, FERN.token))["error"]["subcode"] == 463
    await graph.turn("token", id=WABA, value="revoke")
    assert (await graph.call("GET", NUMBER))[1]["error"]["error_subcode"] == 458
    assert (await _debugged(graph, FERN.token))["is_valid"] is False
    assert code_of(await graph.call("GET", MARLOW.number.phone_number_id, MARLOW)) == 0, "the other business's lives"
    facts = await _debugged(graph, MARLOW.token)
    assert facts["is_valid"] and facts["app_id"] == APP_ID and facts["expires_at"] == 0
    assert {tuple(each["target_ids"]) for each in facts["granular_scopes"]} == {(MARLOW.account.waba_id,)}
    assert (await _debugged(graph, "EAAinvented"))["is_valid"] is False
    assert code_of(await graph.call("GET", "debug_token", token="x|y", params={"input_token": MARLOW.token})) == 190


async def _debugged(graph: Graph, token: str) -> dict[str, Any]:
    _, body = await graph.call("GET", "debug_token", token=APP_TOKEN, params={"input_token": token})
    facts: dict[str, Any] = body["data"]
    return facts


async def test_a_number_tells_where_it_stands(graph: Graph) -> None:
    wanted = "quality_rating,status,name_status,throughput{level},health_status,whatsapp_business_manager_messaging_limit"
    _, body = await graph.call("GET", NUMBER, params={"fields": wanted})
    assert body.pop("health_status")["can_send_message"] == "AVAILABLE"
    known = {"quality_rating": "GREEN", "status": "CONNECTED", "name_status": "APPROVED", "throughput": {"level": "STANDARD"}}
    assert body == {"id": NUMBER, **known, "whatsapp_business_manager_messaging_limit": "TIER_2K"}
    for do, object_id, value in (("quality", NUMBER, "RED"), ("status", NUMBER, "BANNED"), ("tier", BUSINESS, "-1")):
        assert await graph.turn(do, id=object_id, value=value) == 303
    _, body = await graph.call("GET", NUMBER, params={"fields": wanted})
    assert (body["quality_rating"], body["status"]) == ("RED", "BANNED")
    assert body["health_status"]["can_send_message"] == "BLOCKED"
    assert body["whatsapp_business_manager_messaging_limit"] == "TIER_UNLIMITED"
    assert code_of(await graph.call("GET", NUMBER, params={"fields": "favourite_colour"})) == 100
    await graph.turn("verification", id=BUSINESS, value="rejected")
    _, body = await graph.call("GET", BUSINESS, params={"fields": "verification_status"})
    assert body == {"id": BUSINESS, "verification_status": "rejected"}
    _, body = await graph.call("GET", WABA, params={"fields": "owner_business_info"})
    assert body["owner_business_info"]["id"] == BUSINESS
    _, body = await graph.call("GET", f"{WABA}/phone_numbers")
    assert [each["id"] for each in body["data"]] == [NUMBER]
    for do, value in (("quality", "PURPLE"), ("tier", "12"), ("nothing", "")):
        assert await graph.turn(do, id=NUMBER, value=value) == 404, do
    assert (await graph.call("GET", f"{MARLOW.number.phone_number_id}", MARLOW))[1]["quality_rating"] == "GREEN"


async def test_files_go_up_and_come_down(graph: Graph) -> None:
    name, mime, content = SAMPLES["picture"]()
    for kind, sent, wanted in (
        (mime, content, 0),
        ("application/x-msdownload", b"MZ", 100),
        (mime, b"x" * (5 * 1024 * 1024 + 1), 131053),
    ):
        answer = await graph.call("POST", f"{NUMBER}/media", data=_form(name, kind, sent))
        assert code_of(answer) == wanted, kind
    media_id = (await graph.call("POST", f"{NUMBER}/media", data=_form(name, mime, content)))[1]["id"]
    _, shown = await graph.call("GET", media_id, params={"phone_number_id": NUMBER})
    assert shown["sha256"] == hashlib.sha256(content).hexdigest() and shown["file_size"] == len(content)
    for path, business in ((media_id, MARLOW), ("123", FERN)):
        assert (await graph.call("GET", path, business))[1]["error"]["error_subcode"] == 33, path
    assert await _fetched(graph, shown["url"], FERN.token) == (200, content)
    assert (await _fetched(graph, shown["url"], MARLOW.token))[0] == 404
    assert (await _fetched(graph, shown["url"], ""))[0] == 401
    graph.wait(301)
    assert (await _fetched(graph, shown["url"], FERN.token))[0] == 404, "after five minutes"
    await graph.write()
    assert await graph.code(type="image", image={"id": media_id}) == 0
    assert await graph.code(type="document", document={"id": media_id}) == 131009, "a picture is no document"
    assert code_of(await graph.call("DELETE", media_id)) == 0
    assert (await graph.call("GET", media_id))[1]["error"]["error_subcode"] == 33


def _form(name: str, mime: str, content: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": mime})
    form.add_field("file", io.BytesIO(content), filename=name, content_type=mime)
    return form


async def _fetched(graph: Graph, url: str, token: str) -> tuple[int, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with graph.sandbox.http.get(url, headers=headers) as response:
        return response.status, await response.read()


def _component(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "BODY", "text": text, **more}


async def test_templates_are_submitted_and_decided(graph: Graph) -> None:
    made = {"name": "order_ready", "language": "en", "category": "UTILITY"}
    slot = {"example": {"body_text": [["Mira"]]}}
    cases: tuple[tuple[str, dict[str, Any], int], ...] = (
        ("a good one", {"components": [_component("Hello {{1}}, it is ready.", **slot)]}, 0),
        ("once more", {"components": [_component("Hello")]}, 2388012),
        ("in another language", {"language": "de", "components": [_component("Hallo")]}, 0),
        ("a bad name", {"name": "Order Ready", "components": [_component("Hello")]}, 131009),
        ("a bad category", {"name": "a", "category": "FUN", "components": [_component("Hello")]}, 131009),
        ("no body", {"name": "a", "components": [{"type": "FOOTER", "text": "x"}]}, 131009),
        ("a parameter at its end", {"name": "a", "components": [_component("Hello {{1}}", **slot)]}, 2388293),
        ("no example", {"name": "a", "components": [_component("Hello {{1}}, well")]}, 131009),
        ("too long", {"name": "a", "components": [_component("x" * 1025)]}, 2388040),
        ("a long button", {"name": "a", "components": [_component("x"), _quick("x" * 26)]}, 100),
    )
    for name, more, wanted in cases:
        assert code_of(await graph.call("POST", f"{WABA}/message_templates", json={**made, **more})) == wanted, name
    _, listed = await graph.call("GET", f"{WABA}/message_templates", params={"name": "order_ready", "language": "en"})
    (found,) = listed["data"]
    assert (found["status"], found["category"]) == ("PENDING", "UTILITY")
    use: dict[str, Any] = {"type": "template", "template": {"name": "order_ready", "language": {"code": "de"}}}
    assert await graph.code(**use) == 132001
    _, german = await graph.call("GET", f"{WABA}/message_templates", params={"name": "order_ready", "language": "de"})
    for state, event in (("REJECTED", 132001), ("APPROVED", 0)):
        await graph.turn("template", id=german["data"][0]["id"], value=state)
        assert await graph.code(**use) == event, state
    told = await graph.heard("message_template_status_update", 2)
    assert [(each["event"], each["message_template_language"]) for each in told] == [("REJECTED", "de"), ("APPROVED", "de")]
    assert code_of(await graph.call("DELETE", f"{WABA}/message_templates", params={"name": "order_ready"})) == 0
    assert (await graph.call("GET", f"{WABA}/message_templates", params={"name": "order_ready"}))[1]["data"] == []
    _, first = await graph.call("GET", f"{WABA}/message_templates", params={"limit": "3"})
    _, rest = await graph.call(
        "GET", f"{WABA}/message_templates", params={"limit": "3", "after": first["paging"]["cursors"]["after"]}
    )
    names = [each["name"] for each in (*first["data"], *rest["data"])]
    assert (
        len(first["data"]) == 3 and sorted(names) == sorted(each.name for each in FERN.templates) and "next" not in rest["paging"]
    )


def _quick(text: str) -> dict[str, Any]:
    return {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": text}]}


async def test_a_code_is_good_once_and_for_half_a_minute(graph: Graph) -> None:
    store = graph.sandbox.store
    asked = {"client_id": APP_ID, "client_secret": UNKNOWN_APP.secret}

    async def exchange(code: str, **more: str) -> tuple[int, dict[str, Any]]:
        return await graph.call("GET", "oauth/access_token", token="", params={**asked, "code": code, **more})

    code = store.meta.tokens.new_code(HARBOR.account.waba_id, store.control.now())
    assert code_of(await exchange(code, client_secret="wrong")) == 1
    assert code_of(await exchange(code, client_id="1")) == 101
    assert code_of(await exchange("AQinvented")) == 100
    _, body = await exchange(code)
    token = body["access_token"]
    assert body["token_type"] == "bearer" and code_of(await exchange(code)) == 100, "once"
    late = store.meta.tokens.new_code(HARBOR.account.waba_id, store.control.now())
    graph.wait(31)
    assert code_of(await exchange(late)) == 100, "half a minute"
    number = HARBOR.number.phone_number_id
    await graph.write(business=HARBOR)
    assert not graph.listener.meta, "nobody hears of an account that is not subscribed"
    for pin, wanted in (("12345", 131009), ("abcdef", 131009), ("123456", 0), ("654321", 133005), ("123456", 0)):
        body = {"messaging_product": "whatsapp", "pin": pin}
        assert code_of(await graph.call("POST", f"{number}/register", token=token, json=body)) == wanted, pin
    path = f"{HARBOR.account.waba_id}/subscribed_apps"
    assert (await graph.call("GET", path, token=token))[1] == {"data": []}
    assert (await graph.call("POST", path, token=token))[1] == {"success": True}
    assert (await graph.call("GET", path, token=token))[1]["data"][0]["whatsapp_business_api_data"]["id"] == APP_ID
    await graph.write(business=HARBOR)
    assert (await graph.messages())[0]["from"] == MIRA.digits
    assert (await graph.call("DELETE", "me/permissions", token=token))[1] == {"success": True}
    assert code_of(await graph.call("GET", number, token=token)) == 190


RESEARCHED = (
    *(190, 0, 3, 10, 200, 294, 4, 80007, 130429, 131056, 131048, 131064, 131049, 130472, 131050, 131047, 131026, 131042),
    *(368, 131031, 130497, 132000, 132001, 132005, 132007, 132012, 132015, 132016, 131051, 131052, 131053),
    *(1, 2, 131000, 131016, 133000, 133004, 133010, 131062),
)


async def test_every_error_can_be_ordered(graph: Graph) -> None:
    await graph.write()
    for code in RESEARCHED:
        assert await graph.turn("fault", method="whatsapp.messages", answer="error", error=str(code)) == 303
        status, body = await graph.send(**text())
        assert (status, body["error"]["code"]) == (ERRORS[code].status, code)
        assert status >= 400 and body["error"]["fbtrace_id"]
    await graph.turn("fault", method="whatsapp.number", answer="error", error="100/33")
    assert (await graph.call("GET", NUMBER))[1]["error"]["error_subcode"] == 33
    for answer, wanted in (("500", (500, 131000)), ("503", (503, 2)), ("429", (429, 130429))):
        await graph.turn("fault", method="whatsapp.messages", answer=answer, seconds="3")
        status, body = await graph.send(**text())
        assert (status, body["error"]["code"]) == wanted
    assert graph.sandbox.store.records.accepted() == [], "none of them was taken"
    await graph.turn("fault", method="whatsapp.messages", answer="hang", accept="true", seconds="0")
    assert (await graph.send(**text(), biz_opaque_callback_data="lost"))[0] == 504
    assert len(graph.sandbox.store.records.accepted()) == 1, "it was taken, and the answer lost"
    assert {each["biz_opaque_callback_data"] for each in await graph.statuses(2)} == {"lost"}
    graph.wait(7)
    await graph.turn("fault", method="whatsapp.messages", answer="later", error="131049")
    assert await graph.code(**text()) == 0
    failed = (await graph.statuses(3))[-1]
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131049)
    await graph.turn("fault", method="whatsapp.messages", answer="error", error="131000", times="5")
    await graph.turn("reset")
    assert await graph.code(**text()) == 0


async def test_the_dialog_asks_and_gives_a_code(graph: Graph) -> None:
    asked = {"client_id": APP_ID, "config_id": CONFIG_ID, "response_type": "code", "origin": "http://portal.example"}
    address = f"{graph.sandbox.url}/sandbox/meta/dialog"
    for name, wrong in (("client_id", "1"), ("config_id", "1"), ("response_type", "token"), ("origin", "javascript:x")):
        async with graph.sandbox.http.get(address, params={**asked, name: wrong}) as response:
            assert response.status == 400, name
    async with graph.sandbox.http.get(address, params=asked) as response:
        assert response.status == 200 and "Harbor Books" in await response.text()
    form = {"origin": "http://portal.example", "number": HARBOR.number.phone_number_id}
    async with graph.sandbox.http.post(address, data={**form, "decision": "cancel"}) as response:
        html = await response.text()
        assert "CANCEL" in html and 'data-code=""' in html
    async with graph.sandbox.http.post(address, data={**form, "decision": "agree"}) as response:
        html = await response.text()
        assert HARBOR.account.waba_id in html and 'data-code="AQ' in html
    (added,) = await graph.heard("account_update")
    assert added["event"] == "PARTNER_ADDED" and added["waba_info"]["waba_id"] == HARBOR.account.waba_id
    async with graph.sandbox.http.post(
        address, data={**form, "decision": "agree"}, headers={"Sec-Fetch-Site": "cross-site"}
    ) as response:
        assert response.status == 403
