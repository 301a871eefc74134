"""Files of messages: the token goes to Slack's own hosts only, and nothing but the file itself is taken for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from konstruct.channels.port import Credential
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.client import SlackClient
from konstruct.channels.slack.media import SlackMedia
from konstruct.conversations.files import FileAbsent, FileContent
from konstruct.db.scope import TenantScope
from tests.support.fake_slack import FakeSlack
from tests.support.fake_slack_store import LOGIN, Kept

LIMIT = 100_000


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


async def fetch(adapter: SlackAdapter, file: dict[str, Any], token: str = "xoxb-first-canary") -> FileContent | FileAbsent:
    credential = Credential(TenantScope(uuid4()), uuid4(), "T1", token)
    return await adapter.fetch_media(file, credential, limit_bytes=LIMIT, timeout_s=10)


async def test_a_file_is_fetched_with_the_token_of_its_workspace(adapter: SlackAdapter, slack: FakeSlack) -> None:
    file = slack.store.add(slack.url, "F1", Kept("T1", b"a,b\n1,2\n", "table.csv", "text/csv"))
    assert await fetch(adapter, file) == FileContent("table.csv", b"a,b\n1,2\n")
    assert slack.store.downloads == [("F1", "Bearer xoxb-first-canary")]
    # Another company's: Slack tells its address only when it is asked.
    bare = {"id": "F1", "file_access": "check_file_info", "mode": "hosted"}
    assert await fetch(adapter, bare) == FileContent("table.csv", b"a,b\n1,2\n")
    assert isinstance(await fetch(adapter, {**bare, "id": "F404"}), FileAbsent)


async def test_what_is_not_the_file_is_not_taken_for_it(adapter: SlackAdapter, slack: FakeSlack) -> None:
    add = slack.store.add
    plain = add(slack.url, "F1", Kept("T1", b"words", "a.txt"))
    page = add(slack.url, "F2", Kept("T1", b"<html>words</html>", "a.html", "text/html"))
    cases = [
        (plain, "xoxb-second-canary", False),
        (page, "xoxb-second-canary", False),
        (add(slack.url, "F3", Kept("T1", b"", "gone.txt", status=404)), "xoxb-first-canary", False),
        (add(slack.url, "F4", Kept("T1", b"", "busy.txt", status=503)), "xoxb-first-canary", True),
        (add(slack.url, "F5", Kept("T1", b"", "busy.txt", status=429)), "xoxb-first-canary", True),
        (add(slack.url, "F6", Kept("T1", b"", "no.txt", status=403)), "xoxb-first-canary", False),
        (add(slack.url, "F7", Kept("T1", b"x" * (LIMIT + 1), "big.txt")), "xoxb-first-canary", False),
        (add(slack.url, "F8", Kept("T1", b"x" * (LIMIT + 1), "big.txt"), size=5), "xoxb-first-canary", False),
        (add(slack.url, "F9", Kept("T1", b"x", "a.gdoc"), mode="external"), "xoxb-first-canary", False),
    ]
    for file, token, later in cases:
        found = await fetch(adapter, file, token)
        assert isinstance(found, FileAbsent) and found.later == later, file
        assert LOGIN not in found.reason
    assert await fetch(adapter, page) == FileContent("a.html", b"<html>words</html>")


async def test_the_token_never_goes_to_another_host(
    adapter: SlackAdapter, slack: FakeSlack, elsewhere: tuple[str, list[str | None]]
) -> None:
    other, seen = elsewhere
    redirected = slack.store.add(slack.url, "F1", Kept("T1", b"", "a.txt", to=f"{other}/a.txt"))
    assert isinstance(await fetch(adapter, redirected), FileAbsent)
    host = slack.url.removeprefix("http://").partition("/")[0]
    for url in (
        f"{other}/a.txt",
        f"http://{host}@{other.removeprefix('http://')}/a.txt",
        f"{other}/a.txt#@{host}/",
        "http://files.slack.com/a.txt",
        "https://files.slack.com.example.com/a.txt",
        "https://files.slack.com:8443/a.txt",
        f"https://{host}/a.txt",
        "ftp://files.slack.com/a",
        "file:///etc/passwd",
        "//files.slack.com/a",
        "https://[::1",
        "",
    ):
        found = await fetch(adapter, {**redirected, "url_private_download": url, "file_access": "visible"})
        assert isinstance(found, FileAbsent), url
    assert seen == [], "nobody else was even asked"


def test_which_hosts_are_slacks() -> None:
    def ours(api: str, url: str) -> bool:
        return SlackMedia(api, SlackClient(api))._is_ours(url)

    real = "https://slack.com/api/"
    assert ours(real, "https://files.slack.com/files-pri/T1-F1/download/a.txt")
    assert not ours(real, "https://example.com/a") and not ours(real, "http://slack.com/a")
    assert ours("https://slack-gov.com/api/", "https://files.slack-gov.com/a")
    assert not ours("http://slack.example.com/api/", "http://slack.example.com/a"), "in the clear on this machine only"
    assert ours("http://127.0.0.1:9/api/", "http://127.0.0.1:9/files/a") and not ours(real, "http://127.0.0.1/a")
