"""Whatever breaks while an answer grows: one visible answer, whole, or what stood there when a human came."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from functools import partial
from typing import Any

import pytest

from konstruct.channels import accounts, streams_repository
from konstruct.conversations import ownership
from konstruct.db.session import TenantSession
from konstruct.kit.errors import LeaseLostError
from tests.streaming.scene import APPEND, POST, START, STOP, UPDATE, Scene, when
from tests.support import hand
from tests.support.fake_slack import answers, hangs, resets
from tests.support.house import until
from tests.support.inbox import add_colleague

SHOWN, NOT_SHOWN = True, False
BUSY = answers(429, '{"ok":false,"error":"ratelimited"}', Retry_After="1")
BROKEN = answers(500, '{"ok":false,"error":"internal_error"}')
FAULTS = {
    "busy": (NOT_SHOWN, BUSY),
    "broken": (NOT_SHOWN, BROKEN),
    "broken, but done": (SHOWN, BROKEN),
    "hangs": (NOT_SHOWN, hangs),
    "hangs, but done": (SHOWN, hangs),
    "cut off": (NOT_SHOWN, resets),
    "cut off, but done": (SHOWN, resets),
}
WHOLE = "One answer, whole, and only once."


async def _speak(scene: Scene, *, wait: bool = True) -> None:
    """Say the whole answer, waiting for its beginning to be seen where nothing is in the way of that."""
    await scene.ask()
    async with scene.turn():
        if wait:
            await scene.streaming("One answer, ")
            scene.talker.say("whole, ")
            await until(lambda: APPEND in scene.calls() or STOP in scene.calls())
        else:
            scene.talker.say("One answer, whole, ")
            await until(lambda: scene.calls(START))
        scene.talker.say("and only once.")
        scene.talker.end()


async def test_whatever_slack_answers_the_answer_is_seen_once(scene: Scene) -> None:
    for method, fault in itertools.product((APPEND, STOP, UPDATE), FAULTS):
        async with scene.case(f"{method} {fault}"):
            if method == UPDATE:
                # Edits follow where the stream has died.
                scene.house.slack.streams.lifetime_s = 0.0
            scene.house.slack.trouble = when(method, partial(_once, fault))
            await _speak(scene, wait=method != UPDATE)
            await scene.whole(WHOLE)
            assert scene.calls(START) == [START] and scene.calls(POST) == []


def _once(fault: str, before: int) -> Any:
    return FAULTS[fault] if before == 0 else None


async def test_whatever_slack_answers_to_the_beginning_the_answer_is_seen_once(scene: Scene) -> None:
    """Where nobody knows whether it was begun, the history tells."""
    for fault in FAULTS:
        async with scene.case(fault):
            await _begin_badly(scene, fault)


async def _begin_badly(scene: Scene, fault: str) -> None:
    shown, _ = FAULTS[fault]
    scene.house.slack.trouble = when(START, lambda _before: FAULTS[fault])
    await _speak(scene, wait=False)
    if fault == "busy":
        assert await scene.rows("SELECT 1 FROM streams WHERE tenant_id = $1") == []
    else:
        await scene.send()
        assert scene.calls() == [START], "nothing is sent while it is not known whether it shows"
        await scene.age(31)
        if shown:
            assert len(scene.posts) == 1
    await scene.whole(WHOLE)
    assert (POST in scene.calls()) == (not shown)


async def test_the_echo_tells_which_message_was_begun(scene: Scene) -> None:
    scene.house.slack.trouble = when(START, lambda _before: FAULTS["hangs, but done"])
    await _speak(scene, wait=False)
    (post,) = scene.posts
    await scene.echo({**post, "thread_ts": "1000000000.000001"})
    await scene.echo({**post, "ts": "1000000000.000001"})
    (row,) = await scene.rows("SELECT external_id FROM streams WHERE tenant_id = $1")
    assert row["external_id"] is None, "another thread's message, or an older one"
    await scene.echo(post)
    # Nobody waits any more, and no history is read.
    await scene.whole(WHOLE)
    assert scene.calls("conversations.replies") == []


MOMENTS = ["begun", "begun, but not known", "shown", "added to", "persisted"]


async def test_a_worker_that_dies_leaves_an_answer_that_another_one_ends(scene: Scene) -> None:
    for moment in MOMENTS:
        async with scene.case(moment):
            await _die(scene, moment)


async def _die(scene: Scene, moment: str) -> None:
    slack = scene.house.slack
    if moment in ("begun", "begun, but not known"):
        slack.trouble = when(START, lambda _before: FAULTS["hangs, but done" if "not known" in moment else "hangs"])
    if moment == "added to":
        slack.trouble = when(APPEND, lambda _before: FAULTS["hangs, but done"])
    await scene.ask()
    async with scene.turn() as task:
        if moment in ("begun", "begun, but not known"):
            scene.talker.say("An answer of which ")
            await until(lambda: scene.calls(START))
        else:
            await scene.streaming("An answer of which ")
        if moment == "added to":
            scene.talker.say("more ")
            await until(lambda: scene.calls(APPEND))
        if moment == "persisted":
            await _stop_before_the_end(scene, task)
        await scene.crash(task)
    slack.trouble = None
    if moment == "persisted":
        await hand.take_turn(scene.house)
        await scene.whole("An answer of which all is known.")
        return
    await scene.resume(WHOLE)
    await scene.send()
    await scene.age(31)
    await scene.whole(WHOLE)


async def _stop_before_the_end(scene: Scene, task: asyncio.Task[None]) -> None:
    """Let the answer be persisted, and the turn wait for its last transaction."""
    async with scene.house.db.tenant(scene.scope) as session:
        await session.execute("SELECT 1 FROM conversations WHERE tenant_id = $1 FOR UPDATE", scene.scope.tenant_id)
        scene.talker.say("all is known.")
        scene.talker.end()
        await until(lambda: scene.rows("SELECT 1 FROM steps WHERE tenant_id = $1"))
        await until(lambda: scene.rows("SELECT 1 FROM pg_locks WHERE NOT granted AND $1::uuid IS NOT NULL"))
        task.cancel()
        await asyncio.wait([task])


async def test_another_worker_goes_on_in_the_same_message(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn() as task:
        post = await scene.streaming("What the first one said ")
        await scene.crash(task)
    async with scene.turn():
        await scene.streaming("What the second one says ")
        assert scene.posts == [post] and not post["streaming"]
        scene.talker.say("is it.")
        scene.talker.end()
    await scene.whole("What the second one says is it.")


async def test_a_sender_that_dies_in_the_end_is_followed_by_another(scene: Scene) -> None:
    for done in (True, False):
        async with scene.case(f"stopped: {done}"):
            await _die_in_the_end(scene, done)


async def _die_in_the_end(scene: Scene, done: bool) -> None:
    await _speak(scene)
    scene.house.slack.trouble = when(STOP, lambda _before: (done, hangs))
    held = await hand.claim(scene.house, "send")
    async with hand.working(scene.house, held) as task:
        await until(lambda: scene.calls(STOP))
        task.cancel()
    await hand.abandon(scene.house, held)
    scene.house.slack.trouble = None
    async with scene.house.db.tenant(scene.scope) as session:
        await session.execute(
            "UPDATE deliveries SET sending_until = now() WHERE tenant_id = $1 AND state = 'sending'", scene.scope.tenant_id
        )
    await scene.whole(WHOLE)


async def test_whoever_has_lost_the_lease_adds_nothing(scene: Scene) -> None:
    await scene.ask()
    with pytest.raises(LeaseLostError):
        await _freeze_and_wake(scene)
    await scene.whole(WHOLE)


async def _freeze_and_wake(scene: Scene) -> None:
    async with scene.turn():
        await scene.streaming("Before it froze ")
        old, calls = scene.talker.newest(), len(scene.calls())
        # As if frozen past its lease: another worker takes the turn up, and ends it.
        await hand.abandon(scene.house, scene.held)
        heir = await hand.claim(scene.house, "turn")
        async with hand.working(scene.house, heir):
            await scene.talker.asked(2)
            old("and after it woke up ")
            await until(lambda: scene.counted("lease_lost"))
            assert len(scene.calls()) == calls
            scene.talker.say(WHOLE)
            scene.talker.end()
        old("")


async def test_a_human_who_takes_over_ends_what_grows(scene: Scene) -> None:
    who = await add_colleague(scene.house.db, scene.scope)
    for moment in ("while it grows", "before it is finished", "while nobody works"):
        async with scene.case(moment):
            await _interrupt(scene, who, moment)


async def _interrupt(scene: Scene, who: Any, moment: str) -> None:
    await scene.ask()
    async with scene.turn() as task:
        post = await scene.streaming("The employee says that ")
        if moment == "while nobody works":
            await scene.crash(task)
            await take_over(scene, who)
        elif moment == "while it grows":
            await take_over(scene, who)
            scene.talker.say("nobody needs to know this ")
            with contextlib.suppress(TimeoutError):
                await until(lambda: not post["streaming"], 5)
            assert not post["streaming"]
            scene.talker.say("at all.")
            scene.talker.end()
        else:
            scene.talker.end()
    if moment == "before it is finished":
        await take_over(scene, who)
    if moment == "while nobody works":
        await hand.take_turn(scene.house)
    await scene.sent()
    assert not post["streaming"]
    said, told = scene.texts
    assert said == "The employee says that" and "Maria" in told
    assert await scene.rows("SELECT 1 FROM streams WHERE tenant_id = $1") == []


async def take_over(scene: Scene, who: Any) -> None:
    async def work(session: TenantSession) -> None:
        (row,) = await session.fetch("SELECT id, owner_epoch FROM conversations WHERE tenant_id = $1", scene.scope.tenant_id)
        await ownership.take_over(session, row["id"], row["owner_epoch"], who, scene.house.surface.render)

    await scene.house.db.run(scene.scope, work)


async def test_a_suspended_business_shows_nothing_more_and_goes_on_when_it_is_back(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn() as task:
        post = await scene.streaming("What a business may say ")
        await set_status(scene, "suspended")
        scene.talker.say("while it is away ")
        await until(lambda: not post["streaming"])
        task.cancel()
    await scene.house.surface.settled()
    assert scene.texts == ["What a business may say"]
    await set_status(scene, "active")
    await hand.abandon(scene.house, scene.held)
    await scene.resume(WHOLE)
    await scene.whole(WHOLE)


async def test_a_worker_that_is_cut_off_by_a_suspension_leaves_no_sign_of_work(scene: Scene) -> None:
    await scene.ask()
    async with scene.turn() as task:
        post = await scene.streaming("What a business may say ")
        await set_status(scene, "suspended")
        # The engine cancels what it could not renew.
        task.cancel()
    await scene.house.surface.settled()
    assert not post["streaming"] and scene.texts == ["What a business may say"]


async def set_status(scene: Scene, status: str) -> None:
    async with scene.house.db.fleet("test") as fleet:
        await fleet.execute(
            "UPDATE tenant_directory SET status = $2, status_changed_at = now() WHERE tenant_id = $1",
            scene.scope.tenant_id,
            status,
        )


async def test_a_revoked_token_leaves_the_answer_waiting_for_a_new_one(scene: Scene) -> None:
    (workspace,) = [each for each in scene.house.slack.workspaces if each.team_id == scene.team.team_id]
    await scene.ask()
    async with scene.turn():
        await scene.streaming("One answer, ")
        workspace.token = "xoxb-another"
        scene.talker.say("whole, and ")
        await until(lambda: APPEND in scene.calls())
        scene.talker.say("only once.")
        scene.talker.end()
    await scene.send()
    (account,) = await scene.rows("SELECT status, external_id, app_id, bot_user_id FROM channel_accounts WHERE tenant_id = $1")
    assert account["status"] == "broken" and scene.texts == ["One answer,"]
    await accounts.connect(
        scene.house.db, scene.house.vault, scene.scope, kind="slack", external_id=account["external_id"],
        app_id=account["app_id"], bot_user_id=account["bot_user_id"], token=workspace.token,
    )  # fmt: skip
    await scene.whole(WHOLE)


async def test_an_account_that_is_disconnected_leaves_nothing_to_do(scene: Scene) -> None:
    await _speak(scene)
    (account,) = await scene.rows("SELECT id FROM channel_accounts WHERE tenant_id = $1")
    await accounts.disconnect(scene.house.db, scene.house.vault, scene.scope, account["id"])
    await scene.sent()
    assert await scene.rows("SELECT 1 FROM streams WHERE tenant_id = $1") == []
    (row,) = await scene.rows("SELECT state, reason FROM deliveries WHERE tenant_id = $1")
    assert (row["state"], row["reason"]) == ("cancelled", "account_disconnected")


async def test_a_message_that_somebody_deleted_is_shown_anew(scene: Scene) -> None:
    await _speak(scene)
    scene.house.slack.posts.clear()
    await scene.whole(WHOLE)
    assert scene.calls(POST) == [POST]


async def test_words_that_slack_refuses_are_replaced_in_the_message_that_grew(scene: Scene) -> None:
    scene.house.slack.streams.lifetime_s = 0.0
    scene.house.slack.trouble = when(
        UPDATE, lambda before: (NOT_SHOWN, answers(200, '{"ok":false,"error":"msg_too_long"}')) if before == 0 else None
    )
    await scene.ask()
    async with scene.turn():
        scene.talker.say("Words that nobody ")
        await until(lambda: scene.texts)
        scene.talker.end()
    await scene.sent()
    (text,) = scene.texts
    assert text.startswith("Sorry, I have an answer")
    assert len(await scene.rows("SELECT 1 FROM deliveries WHERE tenant_id = $1 AND state = 'sent'")) == 1


async def test_without_the_database_nothing_is_added_and_nothing_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    away, asked = True, 0
    may_show = streams_repository.may_show

    async def unreachable(session: TenantSession, place: Any) -> Any:
        nonlocal asked
        asked += 1
        if away:
            raise ConnectionResetError
        return await may_show(session, place)

    await scene.ask()
    async with scene.turn():
        await scene.streaming("One answer, ")
        monkeypatch.setattr(streams_repository, "may_show", unreachable)
        scene.talker.say("whole, ")
        await until(lambda: asked > 0)
        assert APPEND not in scene.calls()
        away = False
        await scene.seen("One answer, whole,")
        scene.talker.say("and only once.")
        scene.talker.end()
    await scene.whole(WHOLE)


async def test_the_name_of_a_message_that_could_not_be_stored_at_once_is_not_lost(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(*_args: Any) -> None:
        raise ConnectionResetError

    scene.settled = False
    monkeypatch.setattr(streams_repository, "opened", unreachable)
    await scene.ask()
    async with scene.turn():
        await scene.streaming("One answer, ")
        scene.talker.say("whole, and only once.")
        scene.talker.end()
    monkeypatch.undo()
    await scene.whole(WHOLE)


async def test_the_row_stands_before_the_message_does(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it could not be stored, nothing is begun."""

    async def unreachable(*_args: Any) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(streams_repository, "begin", unreachable)
    await scene.ask()
    async with scene.turn():
        scene.talker.say("One answer, whole, ")
        await until(lambda: scene.counted("not_stored") or scene.calls())
        assert scene.calls() == []
        scene.talker.say("and only once.")
        scene.talker.end()
    await scene.whole(WHOLE)
