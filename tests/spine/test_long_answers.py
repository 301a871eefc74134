"""A very long answer through the whole house: its beginning and a file, or all of it as messages."""

from __future__ import annotations

from typing import Any

from konstruct.channels.slack.render import IN_FILE, NO_FILE
from tests.support.fake_slack import answers, resets
from tests.support.hand import rows, send, take_turn
from tests.support.house import House
from tests.support.puppet import Puppet
from tests.support.slack_events import encode, message

LONG = "\n\n".join(f"## Chapter {number}\n\n{'Some words of an answer. ' * 35}" for number in range(40))
_ROWS = "SELECT form, state, part, kind, reason FROM deliveries WHERE tenant_id = $1 ORDER BY position, part"


async def _ask(house: House, model: Puppet) -> None:
    model.says = lambda _request: LONG
    await house.deliver(message(house.teams[0], "D1", "U1", "tell me everything"))
    await take_turn(house)


async def test_a_beginning_and_a_file(still: House, model: Puppet) -> None:
    await _ask(still, model)
    await send(still)
    first, second = still.slack.posts
    assert first["blocks"][0]["text"].endswith(IN_FILE) and second["files"][0]["name"].startswith("answer-")
    assert [file.content for file in still.slack.files.known.values()] == [LONG.encode()]
    assert [(row["form"], row["state"]) for row in await rows(still, still.scopes[0], _ROWS)] == [
        ("text", "sent"),
        ("file", "sent"),
    ]
    assert await rows(still, still.scopes[1], _ROWS) == []


async def test_without_files_it_is_all_said(still: House, model: Puppet) -> None:
    still.slack.files.rights = False
    await _ask(still, model)
    await send(still)
    texts = still.texts(still.teams[0])
    assert texts[0].endswith(IN_FILE) and texts[1].startswith(NO_FILE) and len(texts) > 3
    said = "".join(texts).replace(IN_FILE, "").replace(NO_FILE, "")
    assert "".join(said.split()) == "".join(LONG.split())
    found = await rows(still, still.scopes[0], _ROWS)
    assert {(row["form"], row["state"], row["kind"]) for row in found} == {("text", "sent", "reply")}
    assert [row["part"] for row in found] == list(range(len(texts)))
    (account,) = await rows(still, still.scopes[0], "SELECT status FROM channel_accounts WHERE tenant_id = $1")
    assert account["status"] == "active", "a right that is missing for files breaks no account"


async def test_the_echo_of_a_file_proves_it(still: House, model: Puppet) -> None:
    """The connection is lost while the last call is answered: the file is there, and its name says whose it is."""
    team = still.teams[0]
    still.slack.fault, still.slack.fault_in = resets, "files.completeUploadExternal"
    await _ask(still, model)
    await send(still)
    assert [row["state"] for row in await rows(still, still.scopes[0], _ROWS)] == ["sent", "unknown"]
    shown: dict[str, Any] = still.slack.posts[-1]
    echo = message(team, "D1", team.bot_user_id, "", ts=shown["ts"])
    echo["event"] |= {"subtype": "file_share", "files": shown["files"]}
    assert await still.post(encode(echo)) == 200
    assert [row["state"] for row in await rows(still, still.scopes[0], _ROWS)] == ["sent", "sent"]
    assert len(still.slack.posts) == 2


async def test_a_refused_place_is_no_reason_for_many_messages(still: House, model: Puppet) -> None:
    refusal = answers(200, '{"ok":false,"error":"is_archived"}')
    still.slack.accept, still.slack.fault, still.slack.fault_in = False, refusal, "files.completeUploadExternal"
    await _ask(still, model)
    await send(still)
    assert [(row["state"], row["reason"]) for row in await rows(still, still.scopes[0], _ROWS)] == [
        ("sent", None),
        ("failed", "is_archived"),
    ]
