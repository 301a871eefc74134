"""Files of messages: the token goes to Meta's own hosts only, and nothing but the file itself, whole, is taken for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.channels.whatsapp.client import GraphClient
from konstruct.channels.whatsapp.media import WhatsAppMedia
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.kit.settings import load_settings
from tests.channels.contract.harness import credential
from tests.support.fake_meta import FakeMeta, Number, graph_answer
from tests.support.fake_meta_media import Kept
from tests.support.fake_slack import answers, resets

WHO, OTHER = credential("101", "token-canary-one"), credential("102", "token-canary-two")
LIMIT = 100_000


@pytest.fixture
async def meta() -> AsyncIterator[FakeMeta]:
    fake = FakeMeta([Number(each.account_key, "W1", f"1555000{each.account_key}", each.token) for each in (WHO, OTHER)])
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def adapter(meta: FakeMeta) -> AsyncIterator[WhatsAppAdapter]:
    found = WhatsAppAdapter(load_settings(whatsapp_api_url=meta.url))
    yield found
    await found.close()


@pytest.fixture
async def elsewhere() -> AsyncIterator[tuple[str, list[str | None]]]:
    """Another host, and the Authorization of each request that reached it."""
    seen: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(body=b"from elsewhere")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", seen  # type: ignore[attr-defined]
    await runner.cleanup()


async def fetch(adapter: WhatsAppAdapter, media_id: Any, who: Any = WHO) -> FileContent | FileAbsent:
    file = {"id": media_id, "name": "table.csv", "kind": "document"}
    return await adapter.fetch_media(file, who, limit_bytes=LIMIT, timeout_s=10)


async def test_a_file_is_fetched_with_the_token_of_its_number(adapter: WhatsAppAdapter, meta: FakeMeta) -> None:
    media_id = meta.media.add(Kept("101", b"a,b\n1,2\n", "x"))
    for meta.media.hex_sums in (False, True):
        assert await fetch(adapter, media_id) == FileContent("table.csv", b"a,b\n1,2\n")
    assert meta.media.downloads == [(media_id, WHO.token)] * 2
    assert meta.calls[0].query == {"phone_number_id": "101"}


async def test_what_is_not_the_file_is_not_taken_for_it(adapter: WhatsAppAdapter, meta: FakeMeta) -> None:
    add, plain = meta.media.add, Kept("101", b"words")
    cases: list[tuple[Any, Any, bool]] = [
        (add(plain), OTHER, False), (add(plain), replace(WHO, token="stale"), False), (add(plain), replace(WHO, token=""), False),
        ("900404", WHO, False), (None, WHO, False), ("../101", WHO, False), ("1?x=2", WHO, False), (7, WHO, False),
        (add(replace(plain, status=404)), WHO, False), (add(replace(plain, status=410)), WHO, False),
        (add(replace(plain, status=403)), WHO, False), (add(replace(plain, status=503)), WHO, True),
        (add(replace(plain, status=429)), WHO, True), (add(replace(plain, content=b"x" * (LIMIT + 1))), WHO, False),
        (add(replace(plain, content=b"x" * (LIMIT + 1), says={"file_size": 5})), WHO, False),
        (add(replace(plain, says={"sha256": "AAAA"})), WHO, True), (add(replace(plain, says={"url": None})), WHO, False),
        (add(replace(plain, says={"url": 7})), WHO, False),
    ]  # fmt: skip
    for number, (media_id, who, later) in enumerate(cases):
        found = await fetch(adapter, media_id, who)
        assert isinstance(found, FileAbsent) and found.later == later, number
    odd: list[dict[str, object]] = [{"sha256": None}, {"sha256": ""}, {"file_size": "many"}]
    for says in odd:
        assert isinstance(await fetch(adapter, add(replace(plain, says=says))), FileContent), says
    media_id = add(plain)
    for fault, later in (
        (graph_answer(80007), True), (graph_answer(131016, status=503), True), (graph_answer(10, status=403), False),
        (graph_answer(190, status=401), False), (answers(200, "<html>", "text/html"), True), (resets, True),
    ):  # fmt: skip
        meta.break_with(fault)
        found = await fetch(adapter, media_id)
        assert isinstance(found, FileAbsent) and found.later == later


async def test_the_token_never_goes_to_another_host(
    adapter: WhatsAppAdapter, meta: FakeMeta, elsewhere: tuple[str, list[str | None]]
) -> None:
    other, seen = elsewhere
    plain = Kept("101", b"words")
    assert isinstance(await fetch(adapter, meta.media.add(replace(plain, to=f"{other}/a"))), FileAbsent), "a redirect"
    host = meta.origin.removeprefix("http://")
    for url in (
        f"{other}/a.txt", f"http://{host}@{other.removeprefix('http://')}/a", f"{other}/a#@{host}/", f"https://{host}/a",
        "http://lookaside.fbsbx.com/a", "https://lookaside.fbsbx.com.example.com/a", "https://lookaside.fbsbx.com:8443/a",
        "https://evilfbsbx.com/a", "ftp://lookaside.fbsbx.com/a", "file:///etc/passwd", "//lookaside.fbsbx.com/a", "https://[::1",
        "http://169.254.169.254/latest", "",
    ):  # fmt: skip
        found = await fetch(adapter, meta.media.add(replace(plain, says={"url": url})))
        assert isinstance(found, FileAbsent), url
    assert seen == [], "nobody else was even asked"


def test_which_hosts_are_metas() -> None:
    def ours(api: str, url: str) -> bool:
        return WhatsAppMedia(api, GraphClient(api))._is_metas(url)

    real = "https://graph.facebook.com/v25.0/"
    for url in ("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1", "https://mmg.whatsapp.net/a"):
        assert ours(real, url)
    for url in ("https://example.com/a", "http://graph.facebook.com/a", "http://127.0.0.1/a", "https://fbsbx.com.evil.example/a"):
        assert not ours(real, url), url
    assert ours("http://127.0.0.1:9/v25.0/", "http://127.0.0.1:9/files/a")
    assert not ours("http://graph.example.com/", "http://graph.example.com/a"), "in the clear on this machine only"
