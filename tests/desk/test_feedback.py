"""Ratings: of answers only, by people of the conversation only, the last word of each, with what was wrong if they say it."""

from __future__ import annotations

from typing import Any

import pytest

from konstruct.conversations.thread_repository import messages_before
from tests.support import slack_forms
from tests.support.desk import INTERACTIVITY, handle, post_form, press, words
from tests.support.fake_interactive import pressables
from tests.support.hand import conversation, rows, send, take_turn
from tests.support.house import House
from tests.support.slack_events import Team, mention_pair, message


async def answered(house: House, team: Team, channel: str = "D1", user: str = "U1", text: str = "hello") -> dict[str, Any]:
    """Let somebody ask and be answered; return the post."""
    before = len(house.slack.posts)
    if channel.startswith("D"):
        await house.deliver(message(team, channel, user, text))
    else:
        await house.deliver(*mention_pair(team, channel, user, text))
    await take_turn(house)
    await send(house)
    (post,) = house.slack.posts[before:]
    return post


async def ratings(house: House, scope: int = 0) -> list[tuple[bool, str | None, str]]:
    found = await rows(
        house,
        house.scopes[scope],
        "SELECT r.good, r.comment, k.external_id FROM ratings r JOIN contacts k ON k.tenant_id = r.tenant_id"
        " AND k.id = r.contact_id WHERE r.tenant_id = $1 ORDER BY k.external_id",
    )
    return [tuple(row) for row in found]


async def test_an_answer_asks_for_a_rating_and_the_last_word_counts(still: House) -> None:
    team = still.teams[0]
    post = await answered(still, team)
    buttons = pressables(post["controls"])
    assert set(buttons) == {"Helpful", "Not helpful"}
    await press(still, team, "U1", buttons["Helpful"], post)
    assert await ratings(still) == [(True, None, "U1")]
    (note,) = still.slack.interactive.notes
    assert words(note) == "Thank you for telling me." and note["replace_original"] is False
    early, late = (slack_forms.pressed(still.teams[0], "U1", buttons[name], post) for name in ("Helpful", "Not helpful"))
    for payload in (late, early):
        assert (await post_form(still, INTERACTIVITY, slack_forms.encode(payload)))[0] == 200
        await handle(still)
    assert await ratings(still) == [(False, None, "U1")], "they arrived turned round"
    assert await ratings(still, 1) == []


async def test_a_bad_rating_opens_a_dialog_that_asks_why(still: House) -> None:
    team, post = still.teams[0], await answered(still, still.teams[0])
    bad = pressables(post["controls"])["Not helpful"]
    await press(still, team, "U1", bad, post)
    (dialog,) = still.slack.interactive.dialogs
    assert dialog["title"]["text"] == "What was wrong?" and still.slack.interactive.notes == []
    field = dialog["blocks"][0]["element"]["action_id"]
    for user, said in (("U2", "I never talked to it"), ("U1", "The hours are old.\x00")):
        payload = slack_forms.submitted(team, user, dialog, {field: said})
        assert await post_form(still, INTERACTIVITY, slack_forms.encode(payload)) == (200, "")
        await handle(still)
    assert await ratings(still) == [(False, "The hours are old.", "U1")]
    # The dialog of another business's answer: its context is no proof of anything.
    theirs = await answered(still, still.teams[1])
    foreign = {**dialog, "private_metadata": pressables(theirs["controls"])["Helpful"]["value"].removeprefix("good.")}
    payload = slack_forms.submitted(team, "U1", foreign, {field: "foreign"})
    assert await post_form(still, INTERACTIVITY, slack_forms.encode(payload)) == (200, "")
    await handle(still)
    assert await ratings(still) == [(False, "The hours are old.", "U1")] and await ratings(still, 1) == []
    await press(still, team, "U1", pressables(post["controls"])["Helpful"], post)
    assert await ratings(still) == [(True, None, "U1")], "what was wrong goes with the bad rating"


async def test_a_dialog_that_is_too_late_is_left_out(still: House) -> None:
    team, post = still.teams[0], await answered(still, still.teams[0])
    bad = pressables(post["controls"])["Not helpful"]
    await press(still, team, "U1", bad, post, trigger_id="1.expired.long.ago")
    held = still.slack.interactive.trigger(team.team_id)
    still.slack.interactive.now = lambda: 3.1
    await press(still, team, "U1", bad, post, trigger_id=held)
    still.slack.interactive.now = lambda: 0.0
    payload = slack_forms.pressed(team, "U1", bad, post, trigger_id=still.slack.interactive.trigger(team.team_id))
    assert (await post_form(still, INTERACTIVITY, slack_forms.encode(payload)))[0] == 200
    async with still.db.tenant(still.scopes[0]) as session:
        sql = (
            "WITH e AS (DELETE FROM channel_events WHERE tenant_id = $1 RETURNING *) INSERT INTO channel_events (tenant_id, id,"
            " account_id, kind, content, created_at)"
            " SELECT tenant_id, id, account_id, kind, content, now() - interval '1 h' FROM e"
        )
        assert await session.execute(sql, still.scopes[0].tenant_id) == 1
    before = [name for name, _ in still.slack.requests].count("views.open")
    await handle(still)
    assert still.slack.interactive.dialogs == []
    assert [name for name, _ in still.slack.requests].count("views.open") == before == 2, "not even tried when it is late"
    assert len(await ratings(still)) == 1


async def test_who_may_not_rate_what(still: House) -> None:
    ours, theirs = still.teams
    post, foreign = await answered(still, ours), await answered(still, theirs)
    good = pressables(post["controls"])["Helpful"]
    made_up = {**good, "value": "good." + "0" * 8 + "-0000-4000-8000-" + "0" * 12}
    cases: list[tuple[Team, str, dict[str, Any], dict[str, Any]]] = [
        (ours, "U2", good, post),
        (theirs, "U1", good, foreign),
        (ours, "U1", pressables(foreign["controls"])["Helpful"], post),
        (ours, "U1", made_up, post),
    ]
    for team, user, element, shown in cases:
        await press(still, team, user, element, shown)
        assert words(still.slack.interactive.notes[-1]).startswith("Only people who have written"), (team.team_id, user)
    for value in ("good.", "good.nonsense", "", "better." + good["value"][5:], "good." + "ü" * 36):
        await press(still, ours, "U1", {**good, "value": value or "x"}, post)
    assert await ratings(still) == await ratings(still, 1) == []


async def test_only_answers_ask_for_a_rating(still: House, model: Any) -> None:
    model.says = lambda _request: ""
    team = still.teams[0]
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    await send(still)
    assert [post["controls"] for post in still.slack.posts] == [[]], "a fallback"


@pytest.mark.parametrize("archived", [False, True])
async def test_ratings_show_in_the_thread(still: House, archived: bool) -> None:
    team, post = still.teams[0], await answered(still, still.teams[0], "C1")
    scope = still.scopes[0]
    await still.deliver(message(team, "C1", "U2", "me too", thread_ts=post["thread_ts"]))
    if archived:
        async with still.db.tenant(scope) as session:
            moved = "WITH m AS (DELETE FROM deliveries WHERE tenant_id = $1 AND state = 'sent' RETURNING *)"
            names = ", ".join(await _columns(still))
            assert await session.execute(f"{moved} INSERT INTO delivery_archive ({names}) SELECT {names} FROM m", scope.tenant_id)
    buttons = pressables(post["controls"])
    await press(still, team, "U1", buttons["Helpful"], post)
    await press(still, team, "U2", buttons["Not helpful"], post)
    async with still.db.tenant(scope) as session:
        await session.execute("UPDATE ratings SET comment = 'too long' WHERE tenant_id = $1 AND NOT good", scope.tenant_id)
        thread = await messages_before(session, await conversation(still, scope), None)
    assert [(each.good, each.bad, each.comments) for each in thread] == [(0, 0, ()), (1, 1, ("too long",)), (0, 0, ())]


async def _columns(house: House) -> list[str]:
    found = await rows(
        house,
        house.scopes[0],
        "SELECT attname FROM pg_attribute WHERE attrelid = 'deliveries'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND $1::uuid IS NOT NULL",
    )
    return [row["attname"] for row in found]
