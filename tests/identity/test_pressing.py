"""Choices on a phone: a press of the house's own button is decided once and answered in the conversation; any other is a word."""

from __future__ import annotations

from typing import Any

from konstruct.channels import desk_words
from konstruct.channels.desk import Desk as ChannelDesk
from konstruct.channels.port_events import Pressed
from konstruct.channels.readdressing import Hearing
from konstruct.cli.event_handlers import in_turn
from konstruct.conversations import actions
from konstruct.conversations.actions_repository import Option
from tests.identity.conftest import Desk
from tests.support import meta_events as meta
from tests.support.meta_events import ANN, Payload, Person


def chosen(number: meta.Number, value: str, title: str, person: Person = ANN, kind: str = "button_reply", **more: Any) -> Payload:
    """Return the delivery of a choice."""
    return meta.message(number, "interactive", {"type": kind, kind: {"id": value, "title": title}}, person, **more)


async def test_a_choice(desk: Desk, desk_of_channels: ChannelDesk) -> None:
    number, account = desk.numbers[0], desk.accounts[0]
    desk.handlers[Pressed] = in_turn(Hearing(desk.db, desk.adapters).pressed, desk_of_channels.handlers()[Pressed])
    for each in desk.numbers:
        await desk.deliver(meta.text(each, "hello", ANN))
    [conversation] = await desk.rows("SELECT id FROM conversations WHERE tenant_id = $1")
    async with desk.db.tenant(desk.scopes[0]) as session:
        options = (Option("ask", "Talk to a human"),)
        who = actions.anyone_in(conversation["id"])
        offered = await actions.offer(
            session, account_id=account, kind="human", subject="x", options=options, who=who, lifetime_s=900
        )
    value = offered.button_id(options[0])
    # In another business the same button means nothing; and what looks like none of ours is what the person said.
    assert await desk.deliver(chosen(desk.numbers[1], value, "Talk")) == ["stored"]
    assert await desk.deliver(chosen(number, "their-own-id", "Size M", kind="list_reply")) == ["ready"]
    press = chosen(number, value, "Talk", ANN, at=4_000_000_000)
    assert await desk.deliver(press, press) == ["stored", "duplicate"]
    await desk.work()
    assert await desk.deliver(chosen(number, value, "Talk again")) == ["stored"]
    await desk.work()
    said = [row["text"] for row in await desk.rows(
        "SELECT text FROM messages WHERE tenant_id = $1 AND direction = 'out' ORDER BY seq"
    )]  # fmt: skip
    assert len(said) == 2 and said[1] == desk_words.HUMAN_COMES, said
    [owner] = await desk.rows("SELECT owner FROM conversations WHERE tenant_id = $1")
    assert owner["owner"] == "human"
    other = await desk.rows("SELECT text FROM messages WHERE tenant_id = $1 AND direction = 'out'", tenant=1)
    assert [row["text"] for row in other] == [actions.WORDS["unknown"]]
    [texts] = await desk.rows(
        "SELECT array_agg(text ORDER BY seq) AS said FROM messages WHERE tenant_id = $1 AND direction = 'in'"
    )
    assert texts["said"] == ["hello", "Size M"], "a press is no message"
    windows = await desk.rows("SELECT window_expires_at > now() + interval '23 hours' AS open FROM contacts WHERE tenant_id = $1")
    assert [row["open"] for row in windows] == [True]
