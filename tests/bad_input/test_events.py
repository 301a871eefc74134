"""Signed deliveries that say something else than expected: never a 5xx, and whoever asks a question gets one answer."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.port import ChatRequest
from konstruct.memory import window
from tests.bad_input.support import all_answered, nothing_was_taken, one_answer_to, post, rows
from tests.support.fake_slack import resets
from tests.support.house import House, until
from tests.support.slack_events import encode, envelope, message

WRONG: tuple[Any, ...] = (None, True, 0, -1, 1.5, 10**30, "", "\x00", "\ud800", "x" * 5000, [], [None], {}, {"a": {}})


async def test_unknown_types(ears: House) -> None:
    team = ears.teams[0]
    plain = message(team, "D1", "U1", "hello")
    for delivery in (
        plain | {"type": "app_rate_limited"},
        plain | {"type": "something_new"},
        {"type": "url_verification"},
        envelope(team, {"type": "reaction_added", "user": "U1"}),
        envelope(team, {"type": "something_new"}),
        envelope(team, {"type": ["message"]}),
        message(team, "D1", "U1", "hello", subtype="channel_join"),
        message(team, "D1", "U1", "hello", subtype="something_new"),
        message(team, "D1", "U1", "hello", hidden=True),
        message(team, "D1", "U1", "hello", bot_id="B0OTHER"),
    ):
        assert await ears.deliver(delivery) == [200], delivery
    await nothing_was_taken(ears)


def fields(delivery: dict[str, Any]) -> list[tuple[str, ...]]:
    """The paths of all fields, outer and inner."""
    return [(name,) for name in delivery] + [("event", name) for name in delivery["event"]]


def changed(delivery: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """A copy with one field replaced, or taken away where `value` is `...`."""
    fresh: dict[str, Any] = copy.deepcopy(delivery)
    *outer, last = path
    place = fresh[outer[0]] if outer else fresh
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return fresh


async def test_missing_and_wrong_fields(house: House) -> None:
    team = house.teams[0]
    taken = 0
    for path in fields(message(team, "D1", "U1", "hello", client_msg_id="c1", thread_ts="1700000000.000100", files=[])):
        for value in (..., *WRONG):
            whole = message(team, "D1", "U1", "a question", client_msg_id="c1", thread_ts="1700000000.000100", files=[])
            whole["event"]["client_msg_id"] = f"c{whole['event_id']}"
            status, _ = await post(house, encode(changed(whole, path, value)))
            assert status in (200, 400), (path, value)
            taken += status == 200
    assert taken > 50
    await all_answered(house)

    messages = await rows(house, "messages")
    waiting = [row for row in messages if row["addressed"] and row["state"] not in ("answered", "sent")]
    assert waiting == []
    assert await rows(house, "dead_letters") == []
    assert {row["outcome"] for row in await rows(house, "turns")} == {"answered"}
    assert {post["team"] for post in house.slack.posts} == {team.team_id}
    assert await rows(house, "messages", 1) == []
    await one_answer_to(house, house.teams[1], "D1")


@pytest.fixture
def model() -> ScriptedBackend:
    return ScriptedBackend(lambda request: f"an answer to {len(asked(request))} characters")


def asked(request: ChatRequest) -> str:
    return request.messages[-1].content


async def test_enormous_text(house: House, model: ScriptedBackend) -> None:
    team = house.teams[0]
    for channel, text in (("D1", "word " * 8000), ("D2", "long " * 180_000), ("C1", f"<@{team.bot_user_id}> " + "字" * 140_000)):
        await one_answer_to(house, team, channel, text)
    sizes = [sum(window.tokens(m.content) for m in request.messages) for request in model.requests]
    assert len(sizes) == 3
    assert max(sizes) < 16_000
    for request in model.requests:
        assert "left out: the message was too long" in asked(request) or "word" in asked(request)
    # Verbatim in the database, whatever the prompt shows.
    assert sorted(len(row["text"]) for row in await rows(house, "messages") if row["direction"] == "in")[-1] == 900_000


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b", "\x00", None])
async def test_empty_text(house: House, text: str | None) -> None:
    delivery = message(house.teams[0], "D1", "U1", "")
    assert await house.deliver(changed(delivery, ("event", "text"), text)) == [200]
    await all_answered(house)
    assert len(house.slack.posts) == 1


async def test_a_mention_without_a_word(house: House, model: ScriptedBackend) -> None:
    team = house.teams[0]
    await one_answer_to(house, team, "C1", f"<@{team.bot_user_id}>")


async def test_only_files(house: House, model: ScriptedBackend) -> None:
    team = house.teams[0]
    files = [{"id": "F1", "name": "offer.pdf"}, {"id": "F2"}, {"name": "bad\x00\ud800.png"}, "nonsense", {}]
    for extra in ({"subtype": "file_share", "files": files}, {"files": "nonsense"}):
        before = len(house.slack.posts)
        assert await house.deliver(message(team, "D1", "U1", "", **extra)) == [200]
        await all_answered(house)
        assert len(house.slack.posts) == before + 1
    told = asked(model.requests[0])
    assert (
        "cannot be read" in told
        and [name in told for name in ("offer.pdf (", "file (", "bad\ufffd.png", ", file]")] == [True] * 4
    )


@pytest.mark.parametrize("strange", ["nul \x00 here", "half \ud83d an emoji", "\udfff\ud800", "\u202e backwards", "a\x1b[31mred"])
async def test_nul_and_lone_surrogates(house: House, model: ScriptedBackend, strange: str) -> None:
    team, other = house.teams
    profile = {"display_name": strange, "real_name": strange}
    delivery = message(team, "C1", "U1", f"<@{team.bot_user_id}> {strange}", user_profile=profile, files=[{"name": strange}])
    assert await house.deliver(delivery, delivery) == [200, 200]
    await all_answered(house)
    assert len(house.slack.posts) == 1
    (stored,) = [row for row in await rows(house, "messages") if row["direction"] == "in"]
    assert "\x00" not in stored["text"]
    assert stored["text"].isascii() or "�" in stored["text"] or "\u202e" in stored["text"]
    assert house.texts(other) == []


async def test_times_out_of_this_world(house: House) -> None:
    team = house.teams[0]
    for ts in ("0.0", "1.1", "99999999999.999999", "9999999999.000001"):
        assert await house.deliver(message(team, "D1", "U1", "when?", ts=ts)) == [200]
    for ts in ("", "now", "-1.5", "1e9", "1700000000", "999999999999.1", "١٢٣.٤"):
        assert (await post(house, encode(message(team, "D1", "U1", "when?", ts=ts))))[0] == 400
    await all_answered(house)
    assert {row["state"] for row in await rows(house, "messages")} == {"answered", "sent"}


async def test_an_echo_of_what_was_never_sent(house: House) -> None:
    """Our own metadata with a made-up id, with another post's time, and under another workspace: no effect, no 5xx."""
    team, other = house.teams
    await one_answer_to(house, team, "D1")
    await one_answer_to(house, team, "D2")
    first, second = house.slack.posts
    before = await rows(house, "deliveries")
    own = {"bot_id": second["bot_id"], "app_id": team.app_id}
    for sender, metadata, ts in (
        (team, first["metadata"], second["ts"]),
        (team, first["metadata"] | {"event_payload": {"delivery_id": "nonsense"}}, first["ts"]),
        (team, first["metadata"] | {"event_payload": {"delivery_id": "0" * 36}}, first["ts"]),
        (team, {"event_type": "konstruct_delivery"}, first["ts"]),
        (other, first["metadata"], first["ts"]),
    ):
        echo = message(sender, "D1", sender.bot_user_id, "", metadata=metadata, ts=ts, **own)
        assert await house.deliver(echo) == [200]
    assert await rows(house, "deliveries") == before


async def test_an_echo_that_contradicts_what_is_known(house: House) -> None:
    """A delivery of unknown outcome, said to be the post of another: it stays unknown, and the webhook does not fail."""
    team = house.teams[0]
    await one_answer_to(house, team, "D1")
    house.slack.fault = resets
    assert await house.deliver(message(team, "D1", "U1", "and now?")) == [200]
    house.engine.kick()
    await until(lambda: _has_unknown(house))
    house.slack.fault = None
    first, second = house.slack.posts
    own = {"bot_id": second["bot_id"], "app_id": team.app_id}
    echo = message(team, "D1", team.bot_user_id, "", metadata=second["metadata"], ts=first["ts"], **own)
    assert await house.deliver(echo) == [200]
    assert await _has_unknown(house)
    true = message(team, "D1", team.bot_user_id, "", metadata=second["metadata"], ts=second["ts"], **own)
    assert await house.deliver(true) == [200]
    await all_answered(house)
    assert len(house.slack.posts) == 2


async def _has_unknown(house: House) -> bool:
    return "unknown" in {row["state"] for row in await rows(house, "deliveries")}
