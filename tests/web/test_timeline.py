"""The timeline's page: what happened, why it was a fallback, and the stored rows one click deeper, as text only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from konstruct.agents import turns_repository
from konstruct.agents.turn import Turn
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.llm.port import LlmError
from konstruct.memory.documents import Documents
from konstruct.tenants.roles import Role
from konstruct.tenants.vault import Vault
from konstruct.web.portal.turns.view import duration
from tests.support.hand import abandon, claim, conversation, rows, send, take_turn
from tests.support.house import House, open_house
from tests.support.portal import open_portal
from tests.support.puppet import Puppet
from tests.support.slack_events import message

EVIL = "<script>alert('x')</script>"


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 1})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


async def _turn(house: House, text: str = "hello", number: int = 0, *, sent: bool = True) -> UUID:
    """Let a question be answered; return its turn."""
    await house.deliver(message(house.teams[number], "D1", "U1", text))
    await take_turn(house)
    if sent:
        await send(house)
    (row,) = await rows(house, house.scopes[number], "SELECT id FROM turns WHERE tenant_id = $1")
    found: UUID = row["id"]
    return found


async def test_it_shows_what_happened_from_the_question_to_the_delivery(house: House, model: Puppet) -> None:
    await Documents(house.db).add(house.scopes[0], "Opening hours", "We open at nine, hello.", "handbook")
    model.says = lambda _: "At nine."
    turn = await _turn(house, "hello, when do you open?")
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/turns/{turn}")
    assert answer.status == 200
    for shown in ("hello, when do you open?", "At nine.", "Waiting for its turn", "Looking in the documents", "Opening hours",
                  "scripted/replies", "Sending the answer", house.slack.posts[0]["ts"], "unknown for 1 call"):  # fmt: skip
        assert shown in answer.text
    assert f'href="/inbox/{await conversation(house, house.scopes[0])}"' in answer.text
    assert " style=" not in answer.text and "<script>" not in answer.text


async def test_the_stored_rows_come_on_demand_as_a_piece_or_as_a_page(house: House) -> None:
    turn = await _turn(house, EVIL)
    async with open_portal(house, house.scopes[0]) as person:
        whole = await person.get(f"/turns/{turn}")
        piece = await person.get(f"/turns/{turn}/raw/model-0", headers={"HX-Request": "true"})
        page = await person.get(f"/turns/{turn}/raw/waiting")
        itself = await person.get(f"/turns/{turn}/raw/turn", headers={"HX-Request": "true"})
    assert "&#34;latency_ms&#34;" not in whole.text
    assert piece.status == 200 and piece.text.lstrip().startswith("<pre") and "&#34;latency_ms&#34;" in piece.text
    assert "<html" in page.text and "&lt;script&gt;" in page.text
    assert str(turn) in itself.text
    for answer in (whole, piece, page, itself):
        assert EVIL not in answer.text
        assert str(house.scopes[0].tenant_id) not in answer.text


async def test_a_fallback_says_why_and_what_to_do(house: House, model: Puppet) -> None:
    model.says = lambda _: LlmError("auth", "the model server answered HTTP 401", status=401)
    turn = await _turn(house)
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/turns/{turn}")
    assert "could not answer" in answer.text
    assert "did not accept our key" in answer.text and "Ask your operator to check the key" in answer.text


async def test_a_dead_turn_shows_its_dead_letter(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "hello"))
    await abandon(house, await claim(house, "turn"))
    await take_turn(house)
    (row,) = await rows(house, house.scopes[0], "SELECT id FROM turns WHERE tenant_id = $1")
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/turns/{row['id']}")
    assert "The question could not be answered" in answer.text and "dead letters" in answer.text


async def test_a_turn_that_is_under_way_can_be_watched(house: House) -> None:
    await house.deliver(message(house.teams[0], "D1", "U1", "hello"))
    held = await claim(house, "turn")
    turn = await house.db.run(held.scope, lambda s: turns_repository.open_turn(s, held, 60))
    assert isinstance(turn, Turn)
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/turns/{turn.id}")
    assert answer.status == 200 and "is at work on it" in answer.text


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "owner"])
async def test_whoever_may_see_conversations_may_see_turns(house: House, role: Role) -> None:
    turn = await _turn(house)
    async with open_portal(house, house.scopes[0], role) as person:
        assert (await person.get(f"/turns/{turn}")).status == 200


async def test_another_business_turn_is_not_there(house: House) -> None:
    turn = await _turn(house)
    async with open_portal(house, house.scopes[1]) as stranger:
        lost = await stranger.get(f"/turns/{uuid7()}")
        for path in (f"/turns/{turn}", f"/turns/{turn}/raw/turn", f"/turns/{turn}/raw/model-0", "/turns/nonsense"):
            answer = await stranger.get(path)
            assert (answer.status, answer.text) == (404, lost.text)
    async with open_portal(house, house.scopes[0]) as person:
        assert (await person.get(f"/turns/{turn}/raw/model-9")).status == 404


async def test_rows_of_any_length_are_shown_in_part(house: House, model: Puppet) -> None:
    model.says = lambda _: "word " * 60_000
    turn = await _turn(house, sent=False)
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/turns/{turn}/raw/model-0", headers={"HX-Request": "true"})
    assert "longer than can be shown" in answer.text and len(answer.text) < 250_000


@pytest.mark.parametrize(
    ("ms", "said"),
    [(0, "0 ms"), (999, "999 ms"), (1200, "1.2 s"), (60_000, "1 min"), (185_000, "3 min 5 s"), (7_440_000, "2 h 4 min")],
)
def test_spans_of_time_in_few_letters(ms: int, said: str) -> None:
    assert duration(ms) == said


async def test_a_turn_whose_messages_are_gone_still_says_what_it_took(house: House) -> None:
    turn = await _turn(house)
    async with house.db.tenant(house.scopes[0]) as session:
        await session.execute("DELETE FROM messages WHERE tenant_id = $1", session.scope.tenant_id)
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get(f"/turns/{turn}")
    assert answer.status == 200 and "is not there any more" in answer.text and "scripted/replies" in answer.text
