"""Files both ways: what a person shares and the app fetches, and what the app uploads."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.local.sandbox.businesses import FERNWOOD, MARLOW
from konstruct.local.sandbox.slack.limits import Rate
from konstruct.local.sandbox.speaking import say
from konstruct.local.sandbox.unconnected import HARBOR
from tests.sandbox.installing import Installer
from tests.sandbox.support import ANNA, ANNA_DIRECT, FRONT_DESK, Listener, Sandbox

TOKEN, BOT = FERNWOOD.workspace.bot_token, FERNWOOD.workspace.bot_user_id
STAFF = "C0FERNSTAFF"


@pytest.fixture
def rates() -> dict[str, Rate]:
    """No limits here: they have a file of their own."""
    return {}


class Sharer:
    """Shares files as Anna, through the same call as the pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    async def share(self, name: str, content: bytes, channel: str = ANNA_DIRECT, text: str = "") -> dict[str, Any]:
        """Return the file as the Web API shows it."""
        sender = SilentSender()
        message = say(self.sandbox.store, sender, FERNWOOD.workspace, ANNA, channel, text, files=[(name, content)])  # type: ignore[arg-type]
        return message.files[0]


class SilentSender:
    def publish(self, events: object) -> None:
        """Events are looked at elsewhere."""


async def fetch(sandbox: Sandbox, url: str, token: str = TOKEN, **options: Any) -> tuple[int, str, bytes]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with sandbox.http.get(url, headers=headers, **options) as response:
        return response.status, response.headers.get("Content-Type", ""), await response.read()


async def test_a_persons_file_needs_the_apps_token(sandbox: Sandbox) -> None:
    file = await Sharer(sandbox).share("hours & more.csv", b"day,open\nSat,10")
    address = file["url_private_download"]
    assert address.startswith(sandbox.url) and file["mimetype"] == "text/csv" and file["size"] == 15
    assert await fetch(sandbox, address) == (200, "text/csv; charset=utf-8", b"day,open\nSat,10")
    for token in ("", "xoxb-invented", MARLOW.workspace.bot_token):
        status, kind, body = await fetch(sandbox, address, token)
        assert (status, kind.partition(";")[0]) == (200, "text/html") and b"Sign in" in body, token
    info = await sandbox.api("files.info", file=file["id"])
    assert (info["file"]["url_private_download"], info["file"]["name"]) == (address, "hours & more.csv")
    assert (await sandbox.api("files.info", MARLOW, file=file["id"]))["error"] == "not_visible"
    assert (await sandbox.api("files.info", file="F0NOTHERE01"))["error"] == "file_not_found"


async def test_a_redirect_leads_to_another_host(sandbox: Sandbox) -> None:
    file = await Sharer(sandbox).share("a.txt", b"text")
    sandbox.store.control.set(file_redirect=True)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with sandbox.http.get(file["url_private_download"], headers=headers, allow_redirects=False) as response:
        target = response.headers["Location"]
        assert response.status == 302 and target.startswith("http://localhost:")
    # A client that carries the token along is seen.
    other = target.replace("localhost", "127.0.0.1")
    await fetch(sandbox, other, "")
    await fetch(sandbox, other)
    async with sandbox.http.get(f"{sandbox.url}/sandbox/control/elsewhere") as response:
        assert await response.json() == {"requests": 2, "with_token": 1}


async def test_the_event_of_a_file(sandbox: Sandbox, listener: Listener, installer: Installer) -> None:
    root = await sandbox.say("hello", ANNA_DIRECT)
    await listener.wait(1)
    posted = await sdk(sandbox).files_upload_v2(channel=ANNA_DIRECT, thread_ts=root, filename="answer.md", content="# Answer")
    event = (await listener.wait(2))[1].event
    assert (event["subtype"], event["bot_id"], event["thread_ts"]) == ("file_share", FERNWOOD.workspace.bot_id, root)
    assert event["files"][0]["id"] == posted["file"]["id"]
    # In a Slack Connect channel the event only says where to ask.
    harbor = HARBOR.workspace
    token = (await installer.install(harbor.team_id, HARBOR.people[0].user_id))["access_token"]
    file_id = await uploaded(sandbox, token)
    named: dict[str, Any] = {"channel_id": "C0HARBLARK1", "initial_comment": "see", "files": [{"id": file_id}]}
    assert (await sandbox.api("files.completeUploadExternal", token=token, **named))["ok"] is True
    event = (await listener.wait(3))[2].event
    known = {"id": file_id, "mode": "file_access", "file_access": "check_file_info", "created": 0, "timestamp": 0, "user": ""}
    assert event["files"] == [known]
    assert (await sandbox.api("files.info", token=token, file=file_id))["file"]["name"] == "a.txt"


@pytest.fixture
def installer(sandbox: Sandbox, listener: Listener) -> Installer:
    return Installer.of(sandbox, listener)


def sdk(sandbox: Sandbox) -> AsyncWebClient:
    return AsyncWebClient(token=TOKEN, base_url=f"{sandbox.url}/sandbox/slack/api/", retry_handlers=[], session=sandbox.http)


async def uploaded(sandbox: Sandbox, token: str = TOKEN) -> str:
    """Upload four bytes; return the file's id, not completed yet."""
    ticket = await form(sandbox, "files.getUploadURLExternal", token, filename="a.txt", length="4")
    async with sandbox.http.post(ticket["upload_url"], data=b"text") as response:
        assert (response.status, await response.text()) == (200, "OK - 4")
    return str(ticket["file_id"])


async def form(sandbox: Sandbox, method: str, token: str = TOKEN, **values: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    async with sandbox.http.post(f"{sandbox.url}/sandbox/slack/api/{method}", headers=headers, data=values) as response:
        answer: dict[str, Any] = await response.json()
        return answer


async def test_an_upload_is_strict(sandbox: Sandbox) -> None:
    wrong: list[tuple[str, dict[str, str]]] = [
        ("missing_argument", {"filename": "a.txt"}),
        ("missing_argument", {"filename": "a.txt", "length": "0"}),
        ("missing_argument", {"length": "4"}),
        ("invalid_arguments", {"filename": "a.txt", "length": "many"}),
        ("file_upload_size_restricted", {"filename": "a.txt", "length": str(10**9)}),
    ]
    for error, values in wrong:
        assert (await form(sandbox, "files.getUploadURLExternal", **values))["error"] == error, values
    ticket = await form(sandbox, "files.getUploadURLExternal", filename="a.txt", length="4")
    pieces = [(b"tex", 400), (b"texts", 400), (b"text", 200), (b"text", 404)]
    for body, status in pieces:
        async with sandbox.http.post(ticket["upload_url"], data=body) as response:
            assert response.status == status, body
    waiting = await form(sandbox, "files.getUploadURLExternal", filename="b.txt", length="4")
    foreign = await uploaded(sandbox, MARLOW.workspace.bot_token)
    good = [{"id": ticket["file_id"], "title": "A text"}]
    cases: list[tuple[str, dict[str, Any]]] = [
        ("invalid_arguments", {"files": []}),
        ("invalid_arguments", {"files": [{"title": "none"}]}),
        ("file_not_found", {"files": [{"id": "F0NOTHERE01"}]}),
        ("file_not_found", {"files": [{"id": waiting["file_id"]}]}),
        ("file_not_found", {"files": [{"id": foreign}]}),
        ("channel_not_found", {"files": good, "channel_id": "C0MARLDESK1"}),
        ("thread_not_found", {"files": good, "channel_id": FRONT_DESK, "thread_ts": "1700000000.000001"}),
        ("ok", {"files": good, "channel_id": FRONT_DESK, "initial_comment": "Here it is"}),
        ("file_not_found", {"files": good, "channel_id": FRONT_DESK}),
    ]
    for error, named in cases:
        answer = await sandbox.api("files.completeUploadExternal", **named)
        assert answer.get("error", "ok") == error, named
        if error == "ok":
            assert answer["files"] == good and "ts" not in answer
    (post,) = sandbox.store.records.accepted()
    message = sandbox.store.messages.get(FRONT_DESK, post.ts)
    assert message is not None and (message.text, message.user_id, message.files[0]["title"]) == ("Here it is", BOT, "A text")
    assert (await sandbox.api("files.completeUploadExternal", files=[{"id": await uploaded(sandbox)}]))["ok"] is True
    assert len(sandbox.store.records.accepted()) == 1
