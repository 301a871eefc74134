"""An answer grows before its reader's eyes, and ends as the one whole message; whatever happens on the way."""

from __future__ import annotations

import asyncio
from functools import partial
from uuid import UUID

from konstruct.agents import fallbacks
from tests.streaming.scene import APPEND, POST, START, STOP, UPDATE, Scene
from tests.support import hand
from tests.support.fake_slack import answers
from tests.support.house import House, until
from tests.support.inert import assert_inert
from tests.support.puppet import Puppet
from tests.support.slack_events import message

LONG = "\n\n".join(f"Paragraph {number}. " + "Some words of it. " * 60 for number in range(18)).strip()
"""More than one message holds."""


async def test_an_answer_grows_and_is_finished_in_place(scene: Scene) -> None:
    asked = await scene.ask()
    async with scene.turn():
        post = await scene.streaming("Hello there ")
        (row,) = await scene.rows("SELECT state, external_id FROM streams WHERE tenant_id = $1")
        assert (row["state"], row["external_id"]) == ("growing", post["ts"])
        await scene.streaming("my friend")
        assert post["streaming"] and post["thread_ts"] == asked["event"]["ts"]
        scene.talker.say(", good day.")
        scene.talker.end()
    await scene.whole("Hello there my friend, good day.")
    assert set(scene.calls()) == {START, APPEND, STOP}
    assert scene.calls()[0] == START and scene.calls()[-1] == STOP and scene.calls(STOP) == [STOP]


async def test_in_a_channel_slack_is_told_for_whom(scene: Scene) -> None:
    await scene.ask(channel="C1")
    async with scene.turn():
        await scene.streaming("In the open ")
        scene.talker.say("air.")
        scene.talker.end()
    await scene.whole("In the open air.")
    (started,) = [asked for method, asked in scene.house.slack.calls if method == START]
    assert (started["recipient_user_id"], started["recipient_team_id"]) == ("U1", scene.team.team_id)


async def test_what_does_not_fit_the_first_message_follows_in_others(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn():
        for at in range(0, len(LONG), 2000):
            scene.talker.say(LONG[at : at + 2000])
            wanted = min(at + 1900, 9_900)
            await until(partial(scene.shows, wanted))
        scene.talker.end()
    await scene.sent()
    texts = scene.texts
    assert len(texts) > 1 and "".join("".join(texts).split()) == "".join(LONG.split())
    rows = await scene.rows("SELECT external_id, state FROM deliveries WHERE tenant_id = $1 ORDER BY part")
    assert [(row["external_id"], row["state"]) for row in rows] == [(post["ts"], "sent") for post in scene.posts]
    assert scene.calls(POST) == [POST] * (len(texts) - 1)


async def test_another_text_after_a_tool_replaces_what_was_said_before(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn():
        await scene.streaming("Let me look ")
        scene.talker.use_a_tool()
        await scene.talker.asked(2)
        scene.talker.say("It is blue.")
        scene.talker.end()
    await scene.whole("It is blue.")


async def test_a_fallback_takes_the_place_of_what_was_shown(scene: Scene) -> None:
    for how in ("fails", "says_nothing", "too_slow"):
        async with scene.case(how):
            await _fall_back(scene, how)


async def _fall_back(scene: Scene, how: str) -> None:
    await scene.ask()
    async with scene.turn() as task:
        before = len(scene.talker.requests)
        await scene.streaming("The answer is probably ")
        if how == "fails":
            scene.talker.fail()
        elif how == "says_nothing":
            scene.talker.use_a_tool()
            await scene.talker.asked(before + 1)
            scene.talker.end()
        else:
            async with scene.house.db.tenant(scene.scope) as session:
                await session.execute(
                    "UPDATE turns SET deadline_at = now() - interval '1 s' WHERE tenant_id = $1", scene.scope.tenant_id
                )
            await scene.crash(task)
    if how == "too_slow":
        async with scene.turn():
            pass
    reason = {"fails": fallbacks.MODEL_DOWN, "says_nothing": fallbacks.EMPTY, "too_slow": fallbacks.TOO_SLOW}[how]
    await scene.whole(fallbacks.sentence(reason))


async def test_nothing_that_is_shown_on_the_way_can_ping(scene: Scene) -> None:
    pieces = [
        "Hi <@U", "1> and <@U9", "> and < ", "!chan", "nel> and @he", "re or <!subt", "eam^S1> and &lt", ";!everyone&gt; and \\",
        "<!here> then <", "@U1", "> end. And so on, for some more words.",
    ]  # fmt: skip
    await scene.ask()
    async with scene.turn():
        for piece in pieces:
            scene.talker.say(piece)
            await asyncio.sleep(0)
        await until(lambda: scene.texts and "so on" in scene.texts[0])
        for change in scene.house.slack.streams.changes:
            assert_inert(change.text)
        scene.talker.end()
    await scene.sent()
    assert "<@U1>" in scene.texts[0] and "<!channel>" not in scene.texts[0]


async def test_code_and_letters_of_all_kinds_come_out_as_if_posted_at_once(scene: Scene) -> None:
    code, table = "```python\nif a < b & c:\n    print('x')\n\n```", "| a | b |\n|---|---|\n| 1 | 2 |"
    text = f"So 👩‍👩‍👧‍👦 é ü:\n\n\n\n{code}\n\n{table}\n\nEnd 🇩🇪 of it."
    await scene.ask()
    async with scene.turn():
        for at in range(0, len(text), 3):
            scene.talker.say(text[at : at + 3])
            await asyncio.sleep(0)
        await until(lambda: scene.texts and "End" in scene.texts[0])
        scene.talker.end()
    (rendered,) = scene.house.surface.render("slack", "D1", None, frozenset(), text)
    await scene.whole(rendered.text)
    assert UPDATE not in scene.calls()


async def test_a_stream_that_slack_ended_is_finished_by_edits(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn():
        post = await scene.streaming("A long story ")
        scene.house.slack.streams.later(301)
        await scene.streaming("about something ")
        assert not post["broken"]
        scene.talker.say("else.")
        scene.talker.end()
    await scene.whole("A long story about something else.")
    assert UPDATE in scene.calls()


async def test_a_stream_that_dies_before_its_end_is_stopped_is_finished_by_an_edit(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn():
        await scene.streaming("A long story ")
        scene.talker.say("ends.")
        scene.talker.end()
    scene.house.slack.streams.later(301)
    await scene.whole("A long story ends.")
    assert scene.calls()[-2:] == [STOP, UPDATE]


async def test_where_slack_has_no_streams_the_answer_is_posted_and_edited(scene: Scene) -> None:
    for code in ("unknown_method", "feature_not_enabled", "method_deprecated"):
        async with scene.case(code):
            await _post_and_edit(scene, code)


async def _post_and_edit(scene: Scene, code: str) -> None:
    scene.house.slack.fault, scene.house.slack.accept = answers(200, f'{{"ok":false,"error":"{code}"}}'), False
    scene.house.slack.fault_in = START
    await scene.ask()
    async with scene.turn():
        post = await scene.streaming("Word by word ")
        assert "metadata" not in post
        await scene.streaming("it comes ")
        scene.talker.say("out.")
        scene.talker.end()
    await scene.whole("Word by word it comes out.")
    assert scene.calls(START, POST) == [START, POST]


async def test_what_was_said_first_is_shown_first(scene: Scene) -> None:
    """Nothing grows while an earlier answer has not been shown."""
    await scene.ask("first")
    async with scene.turn():
        scene.talker.end()
    await scene.ask("second")
    async with scene.turn():
        scene.talker.say("Not before the other one.")
        await until(lambda: scene.counted("something_else_is_open") or bool(scene.posts))
        assert scene.posts == []
        scene.talker.end()
    await scene.sent()
    assert scene.texts == [fallbacks.sentence(fallbacks.EMPTY), "Not before the other one."]
    assert START not in scene.calls()


async def test_more_answers_than_slack_lets_begin_are_posted_as_ever(scene: Scene) -> None:
    await scene.house.limits.pause(scene.scope, await _account(scene), 60, method=START)
    await scene.ask()
    async with scene.turn():
        scene.talker.say("As ever, then.")
        await until(lambda: scene.counted("limited"))
        scene.talker.end()
    await scene.sent()
    assert scene.texts == ["As ever, then."] and scene.calls() == [POST]


async def test_a_quick_answer_is_one_plain_post(still: House, model: Puppet) -> None:
    """With the product's own pace."""
    model.says = lambda _request: "word " * 400
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await hand.take_turn(still)
    await hand.send(still)
    assert [method for method, _ in still.slack.calls if method.startswith("chat.")] == [POST]


async def _account(scene: Scene) -> UUID:
    (row,) = await scene.rows("SELECT id FROM channel_accounts WHERE tenant_id = $1")
    found: UUID = row["id"]
    return found
