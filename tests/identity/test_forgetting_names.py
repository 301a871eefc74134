"""A person is forgotten under every name that the provider has had for them, and nobody whose number merely looks alike."""

from __future__ import annotations

from dataclasses import replace

from konstruct.conversations import actions, forgetting
from konstruct.conversations.actions_repository import Option
from konstruct.conversations.forgetting import Forgetting
from konstruct.jobs.tenant_jobs import Job
from tests.identity.conftest import Desk
from tests.support import meta_events as meta
from tests.support.meta_events import ANN, Person

MOVED = replace(ANN, phone="15557770099", user_id="US.99")


async def test_every_name_counts(desk: Desk) -> None:
    alike = Person(f"{ANN.phone}9", "US.5", "Bo")
    for number in desk.numbers:
        await desk.deliver(
            meta.text(number, "by phone", replace(ANN, user_id=None)),
            meta.text(number, "mine", ANN),
            meta.text(number, "not mine", alike),
        )
    async with desk.db.tenant(desk.scopes[0]) as session:
        # Offered under a name of before: what comes of it is meant for the person of today.
        who = actions.only(str(ANN.user_id))
        options = (Option("forget", "Forget me", "danger"),)
        offered = await actions.offer(
            session, account_id=desk.accounts[0], kind=forgetting.KIND, subject=forgetting.NOWHERE, options=options, who=who
        )
    await desk.deliver(meta.changed_number(desk.numbers[0], ANN, MOVED))
    assert await desk.work() == 0
    await desk.deliver(meta.text(desk.numbers[0], "still me", MOVED))
    await desk.rows(
        "UPDATE actions SET state = 'decided', decision = 'forget', decided_by = 'x', decided_at = now() WHERE tenant_id = $1"
        " AND id = $2 RETURNING 1", offered.id,
    )  # fmt: skip

    async def tell(*_: object) -> None:
        raise AssertionError("nowhere to tell it")

    left = await Forgetting(desk.db, tell)(Job(desk.scopes[0], "forget_person", offered.id, 1, 1, 1))
    assert left is None
    said = await desk.rows("SELECT text FROM messages WHERE tenant_id = $1")
    assert [row["text"] for row in said] == ["not mine"]
    bodies = await desk.rows("SELECT convert_from(body, 'UTF8') AS body FROM inbound_events WHERE tenant_id = $1")
    assert len(bodies) == 1 and "not mine" in bodies[0]["body"]
    names = await desk.rows("SELECT display_name FROM contacts WHERE tenant_id = $1 ORDER BY external_id")
    assert [row["display_name"] for row in names] == ["Bo", None]
    assert len(await desk.rows("SELECT 1 FROM messages WHERE tenant_id = $1", tenant=1)) == 3
    # The names themselves stay, as a workspace's ids do: whoever has left is still known to have left.
    assert (await desk.contacts())[1][0] == "US.99"
