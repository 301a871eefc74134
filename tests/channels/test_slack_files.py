"""A long answer as a file: several calls, of which the last alone shows it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from konstruct.channels.port import Absent, Failed, Post, Retry, Sent, Target, Unknown
from konstruct.channels.slack import files
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.channels.slack.events import delivery_id
from konstruct.channels.slack.render import IN_FILE, NO_FILE, PART_MAX, PARTS_MAX
from konstruct.kit.ids import uuid7
from tests.channels.contract.harness import credential
from tests.support.fake_slack import FakeSlack, answers, hangs, resets

FIRST = credential("T1", "xoxb-first-canary")
TARGET = Target("C1", "1790000000.000200", frozenset({"U1"}))
LONG = "".join(f"## Part {number}\n\n{'Some words of an answer. ' * 200}\n\n" for number in range(12)) + "<!here> <@U9> `<b>`"


def file(text: str = "# The answer\n\nwords 👋") -> Post:
    return Post(uuid7(), TARGET, text, "file")


def test_a_long_answer_is_its_beginning_and_a_file(adapter: SlackAdapter) -> None:
    beginning, whole = adapter.render(LONG, TARGET)
    assert (beginning.form, whole.form) == ("text", "file")
    assert beginning.text.endswith(IN_FILE) and len(beginning.text) <= PART_MAX and LONG.startswith(beginning.text[:1000])
    assert whole.text == LONG, "the file is the answer as it was written"
    rest = adapter.instead_of_file(whole.text, TARGET)
    assert rest[0].text.startswith(NO_FILE) and all(part.form == "text" and len(part.text) <= PART_MAX for part in rest)
    shown = beginning.text.removesuffix(IN_FILE) + "".join(part.text for part in rest).replace(NO_FILE, "")
    assert "".join(shown.split()).replace("\u200b", "") == "".join(LONG.split())
    assert "<!here>" not in shown and "<@U9>" not in shown, "what becomes a message again is made safe again"
    fits = "x" * (PART_MAX * PARTS_MAX - 200)
    assert [part.form for part in adapter.render(fits, TARGET)] == ["text"] * PARTS_MAX


async def test_shown_once_and_found_by_its_name(slack: FakeSlack, adapter: SlackAdapter) -> None:
    before, post = datetime.now(UTC), file()
    outcome = await adapter.send(post, FIRST, 10.0)
    (seen,) = slack.posts
    assert outcome == Sent(seen["ts"])
    assert (seen["channel"], seen["thread_ts"], seen["text"]) == ("C1", "1790000000.000200", files.COMMENT)
    assert [each.content for each in slack.files.known.values()] == [post.text.encode()]
    assert all("Authorization" not in headers and FIRST.token not in str(headers) for headers in slack.files.headers)
    assert delivery_id(seen) == post.delivery_id
    assert await adapter.find(post, before, FIRST) == outcome
    assert await adapter.find(file(), before, FIRST) == Absent()


async def test_what_slack_does_not_share_is_unknown(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.files.drops = True
    post, before = file(), datetime.now(UTC)
    assert await adapter.send(post, FIRST, 4.0) == Unknown("not_shared_yet")
    assert await adapter.find(post, before, FIRST) == Absent()


async def test_where_nothing_can_be_asked_its_word_counts(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.fault, slack.fault_in = answers(200, '{"ok":false,"error":"missing_scope"}'), "files.info"
    assert await adapter.send(file(), FIRST, 10.0) == Sent("F000T1")


GET, DONE = "files.getUploadURLExternal", "files.completeUploadExternal"
CASES = [
    # the method that fails, whether it is carried out, how, what the send says, how many messages there are, calls of the last
    (GET, False, answers(200, '{"ok":false,"error":"missing_scope"}'), Failed("missing_scope", as_text=True), 0, 0),
    (GET, False, answers(200, '{"ok":false,"error":"disabled"}'), Failed("disabled", as_text=True), 0, 0),
    (GET, False, answers(200, '{"ok":false,"error":"token_revoked"}'), Failed("token_revoked", account_broken=True), 0, 0),
    (GET, False, answers(429, "", "text/plain", Retry_After="7"), Retry(7.0, "ratelimited", "channel"), 0, 0),
    (GET, False, answers(500, "oops", "text/html"), Failed("file_not_uploaded", as_text=True), 0, 0),
    (GET, True, resets, Failed("file_not_uploaded", as_text=True), 0, 0),
    (DONE, False, answers(200, '{"ok":false,"error":"missing_scope"}'), Failed("missing_scope", as_text=True), 0, 1),
    (DONE, False, answers(200, '{"ok":false,"error":"is_archived"}'), Failed("is_archived"), 0, 1),
    (DONE, False, answers(429, "", "text/plain", Retry_After="7"), Retry(7.0, "ratelimited", "channel"), 0, 1),
    (DONE, True, answers(200, '{"ok":false,"error":"internal_error"}'), Unknown("internal_error"), 1, 1),
    (DONE, True, answers(502, "<html>", "text/html"), Unknown("http_502"), 1, 1),
    (DONE, True, resets, Unknown("connection_lost"), 1, 1),
    (DONE, True, hangs, Unknown("timeout"), 1, 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "done", "fault", "outcome", "shown", "last"), CASES, ids=[str(at) for at in range(len(CASES))]
)
async def test_each_step_may_fail(
    slack: FakeSlack, adapter: SlackAdapter, method: str, done: bool, fault: object, outcome: object, shown: int, last: int
) -> None:
    slack.fault_in, slack.accept, slack.fault = method, done, fault  # type: ignore[assignment]
    assert await adapter.send(file(), FIRST, 3.0 if fault is hangs else 10.0) == outcome
    assert (len(slack.posts), [name for name, _ in slack.requests].count(DONE)) == (shown, last)


async def test_an_upload_is_tried_again_and_then_given_up(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.files.refuses_uploads = 1
    assert isinstance(await adapter.send(file(), FIRST, 10.0), Sent)
    slack.files.refuses_uploads = 2
    assert await adapter.send(file(), FIRST, 10.0) == Failed("file_not_uploaded", as_text=True)
    assert len(slack.posts) == 1


async def test_nothing_is_written_after_the_deadline(
    slack: FakeSlack, adapter: SlackAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(await adapter.send(file(), FIRST, -1.0), Retry)
    # Frozen between the upload and the last call: the window has passed.
    client, frozen_s = adapter._client, 0.0
    upload = client.upload

    async def freezing(address: str, content: bytes, timeout_s: float) -> bool:
        nonlocal frozen_s
        done = await upload(address, content, timeout_s)
        frozen_s = 60.0
        return done

    monkeypatch.setattr(client, "upload", freezing)
    monkeypatch.setattr(files, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + frozen_s))
    assert await adapter.send(file(), FIRST, 20.0) == Retry(2.0, "timeout")
    assert slack.posts == [] and DONE not in [name for name, _ in slack.requests]


ADDRESSES = [
    ("https://files.slack.com/upload/v1/x", True), ("https://files.slack.com:443/upload", True),
    ("http://files.slack.com/upload", False), ("https://files.slack.com.evil.example/x", False),
    ("https://evil.example/files.slack.com", False), ("https://files.slack.com@evil.example/", False),
    ("https://files.slack.com:8443/x", False), ("http://169.254.169.254/latest", False), ("http://127.0.0.1:1/x", False),
    ("file:///etc/passwd", False), ("https://[::1/x", False), ("https://files.slack.com:99999/", False), ("", False),
]  # fmt: skip


def test_where_a_file_may_be_sent() -> None:
    for address, right in ADDRESSES:
        assert files.allowed(address, "https://slack.com/api/") is right, address
    assert files.allowed("http://127.0.0.1:8400/upload", "http://127.0.0.1:8400/api/")
    assert not files.allowed("http://127.0.0.1:8401/upload", "http://127.0.0.1:8400/api/")
    assert not files.allowed("http://slack.example/upload", "http://slack.example/api/"), "only on one machine"


async def test_another_address_gets_nothing(slack: FakeSlack, adapter: SlackAdapter) -> None:
    slack.files.address = "http://127.0.0.2:9/upload"
    assert await adapter.send(file(), FIRST, 10.0) == Failed("upload_address", as_text=True)
    assert slack.files.headers == []
