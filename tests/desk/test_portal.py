"""What the portal shows of presses and pauses, and where a member connects themselves with a channel."""

from __future__ import annotations

import re

from tests.desk.test_feedback import answered
from tests.support.desk import command, press, words
from tests.support.fake_interactive import pressables
from tests.support.hand import conversation, rows
from tests.support.house import House
from tests.support.portal import open_portal


async def test_a_member_connects_themselves_and_pauses_from_either_side(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    (account,) = await rows(still, scope, "SELECT id FROM channel_accounts WHERE tenant_id = $1")
    async with open_portal(still, scope, "admin") as person:
        shown = await person.post("/settings/members/me/link")
        found = re.search(r"/konstruct link ([A-Z2-9-]{14})", shown.text)
        assert shown.status == 200 and found is not None
        assert (await person.get("/settings/members")).text.count(found[1]) == 0, "it is shown once"
        assert "connected with the portal now, as Pat Doe (admin)" in words(await command(still, team, "U1", f"link {found[1]}"))
        assert "You are <code>U1</code> in Slack" in (await person.get("/settings/members")).text
        assert "is paused" in words(await command(still, team, "U1", "pause"))
        for path in ("/channels", f"/channels/{account['id']}"):
            assert "Paused by Pat Doe" in (await person.get(path)).text, path
        assert "is paused in Slack" in (await person.get("/")).text
        resumed = await person.post(f"/channels/{account['id']}/resume")
        assert "What has waited is answered first" in resumed.text and "Paused by" not in resumed.text
        assert "Paused by Pat Doe" in (await person.post(f"/channels/{account['id']}/pause")).text
        assert "answers again" in words(await command(still, team, "U1", "resume"))
        assert "no longer connected" in (await person.post("/settings/members/me/unlink")).text
        assert "Only an owner or admin" in words(await command(still, team, "U1", "pause"))
    async with open_portal(still, scope, "operator") as person:
        assert (await person.post(f"/channels/{account['id']}/pause")).status == 403
        assert "Pause Ada" not in (await person.get(f"/channels/{account['id']}")).text


async def test_ratings_are_shown(still: House) -> None:
    team, scope = still.teams[0], still.scopes[0]
    post = await answered(still, team)
    async with open_portal(still, scope, "viewer") as person:
        for path in ("/", "/usage"):
            page = (await person.get(path)).text
            assert "Good answers" in page and "nobody has rated one" in page, path
        await press(still, team, "U1", pressables(post["controls"])["Not helpful"], post)
        async with still.db.tenant(scope) as session:
            await session.execute("UPDATE ratings SET comment = 'old <b>hours</b>' WHERE tenant_id = $1", scope.tenant_id)
        for path in ("/", "/usage"):
            page = (await person.get(path)).text
            assert "0 %" in page and "of 1 rating" in page, path
        thread = (await person.get(f"/inbox/{await conversation(still, scope)}")).text
        assert "Rated not helpful to 1" in thread and "old &lt;b&gt;hours&lt;/b&gt;" in thread
    async with open_portal(still, still.scopes[1], "viewer") as person:
        assert "nobody has rated one" in (await person.get("/")).text
