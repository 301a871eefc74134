"""No end user is left without an answer: every failure ends in one plain sentence, and the conversation goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import get_args

import pytest

from konstruct.agents import fallbacks, turns_repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.port import Finish, LlmError, LlmErrorKind, TextDelta, Usage
from konstruct.tenants.vault import Vault
from tests.support.hand import abandon, claim, make_due, rows, send, take_turn
from tests.support.house import House, open_house
from tests.support.puppet import Puppet
from tests.support.slack_events import message

REASONS: dict[LlmErrorKind, str] = {
    "unavailable": fallbacks.MODEL_DOWN,
    "timeout": fallbacks.TOO_SLOW,
    "rate_limited": fallbacks.MODEL_DOWN,
    "auth": fallbacks.MODEL_DOWN,
    "bad_request": fallbacks.MODEL_DOWN,
    "too_long": fallbacks.TOO_LONG,
    "garbage": fallbacks.MODEL_DOWN,
    "over_budget": fallbacks.OVER_BUDGET,
}


async def _turn(still: House, number: int = 0) -> tuple[str, str | None, str]:
    """Return the outcome and reason of the tenant's last turn, and the kind of its delivery."""
    (row,) = await rows(
        still,
        still.scopes[number],
        "SELECT t.outcome, t.reason, d.kind FROM turns t JOIN deliveries d ON d.tenant_id = t.tenant_id AND d.turn_id = t.id"
        " WHERE t.tenant_id = $1 ORDER BY t.started_at DESC LIMIT 1",
    )
    return row["outcome"], row["reason"], row["kind"]


def test_every_kind_of_error_has_a_reason_here() -> None:
    assert set(REASONS) == set(get_args(LlmErrorKind))


@pytest.mark.parametrize("kind", list(REASONS))
async def test_a_failing_model_ends_in_one_sentence_and_every_attempt_is_a_row(
    still: House, model: Puppet, kind: LlmErrorKind
) -> None:
    team, other = still.teams
    model.says = lambda _: LlmError(kind, "the server said so", status=500)
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    await send(still)

    assert still.texts(team) == [fallbacks.sentence(REASONS[kind])]
    assert await _turn(still) == ("fallback", REASONS[kind], "fallback")
    calls = await rows(still, still.scopes[0], "SELECT outcome, cost_micro FROM llm_calls WHERE tenant_id = $1")
    assert {(call["outcome"], call["cost_micro"]) for call in calls} == {(kind, None)}
    assert len(calls) == len(model.requests)

    model.says = lambda _: "all is well"
    await still.deliver(message(other, "D1", "U1", "hello"))
    assert still.texts(other) == []


async def test_an_unknown_price_is_null_and_a_known_answer_is_written_with_its_tokens(still: House, model: Puppet) -> None:
    team, _ = still.teams
    model.says = lambda _: [TextDelta("hi"), Finish("stop", Usage(100, 40, 7), "model-nobody-priced")]
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    (call,) = await rows(still, still.scopes[0], "SELECT * FROM llm_calls WHERE tenant_id = $1")
    assert (call["input_tokens"], call["cached_tokens"], call["output_tokens"]) == (100, 40, 7)
    assert (call["cost_micro"], call["outcome"], call["model"]) == (None, "ok", "model-nobody-priced")
    assert await rows(still, still.scopes[1], "SELECT 1 FROM llm_calls WHERE tenant_id = $1") == []


@pytest.mark.parametrize("nothing", ["", "   \n", "\u200b"])
async def test_an_empty_answer_is_not_silence(still: House, model: Puppet, nothing: str) -> None:
    team, _ = still.teams
    model.says = lambda _: nothing
    await still.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(still)
    await send(still)
    assert still.texts(team) == [fallbacks.sentence(fallbacks.EMPTY)]
    assert await _turn(still) == ("fallback", fallbacks.EMPTY, "fallback")


@pytest.fixture
async def hasty(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    """A house whose turns have a second."""
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_deadline_s": 1.0})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


async def test_a_model_that_hangs_is_too_slow_and_its_call_is_written_down(hasty: House, model: Puppet) -> None:
    team, _ = hasty.teams
    model.hold.clear()
    await hasty.deliver(message(team, "D1", "U1", "hello"))
    await take_turn(hasty)
    await send(hasty)
    assert hasty.texts(team) == [fallbacks.sentence(fallbacks.TOO_SLOW)]
    assert await _turn(hasty) == ("fallback", fallbacks.TOO_SLOW, "fallback")
    (call,) = await rows(hasty, hasty.scopes[0], "SELECT outcome FROM llm_calls WHERE tenant_id = $1")
    assert call["outcome"] == "timeout"


async def test_a_turn_that_a_crash_left_past_its_deadline_is_too_slow(still: House, model: Puppet) -> None:
    team, _ = still.teams
    await still.deliver(message(team, "D1", "U1", "hello"))
    held = await claim(still, "turn")
    await still.db.run(held.scope, lambda s: turns_repository.open_turn(s, held, -3600))
    await abandon(still, held)
    await take_turn(still)
    await send(still)
    assert still.texts(team) == [fallbacks.sentence(fallbacks.TOO_SLOW)]
    assert model.requests == []


async def test_a_slow_database_is_not_a_slow_model(still: House, model: Puppet, monkeypatch: pytest.MonkeyPatch) -> None:
    team, _ = still.teams
    await still.deliver(message(team, "D1", "U1", "hello"))
    held = await claim(still, "turn")

    async def late(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patch, pytest.raises(TimeoutError):
        patch.setattr(turns_repository, "save_step", late)
        await still.turns(held)
    await abandon(still, held)
    await take_turn(still)
    assert await _turn(still) == ("answered", None, "reply")


async def test_poison_ends_in_a_fallback_and_a_dead_letter_and_the_conversation_goes_on(house: House, model: Puppet) -> None:
    """The engine itself: it counts, backs off, and gives the message up after `turn_attempts`."""
    team, other = house.teams
    house.turns._attempts = 1

    def burst(_request: object) -> str:
        raise RuntimeError("a bug of ours")

    model.says = burst
    await house.deliver(message(team, "D1", "U1", "poison"), message(other, "D1", "U1", "poison"))
    await house.idle()
    assert house.texts(team) == house.texts(other) == [fallbacks.sentence(fallbacks.BROKEN)]
    for scope in house.scopes:
        (letter,) = await rows(house, scope, "SELECT kind, reason, attempts, turn_id FROM dead_letters WHERE tenant_id = $1")
        assert (letter["kind"], letter["reason"], letter["attempts"]) == ("turn", fallbacks.BROKEN, 2)
    assert len(model.requests) == 2

    model.says = lambda _: "all is well"
    await house.deliver(message(team, "D1", "U1", "and now?"))
    await house.idle()
    assert house.texts(team)[1:] == ["all is well"]
    assert len(await rows(house, house.scopes[0], "SELECT 1 FROM dead_letters WHERE tenant_id = $1")) == 1


async def test_failures_are_counted_over_claims_and_forgotten_after_success(still: House, model: Puppet) -> None:
    team, _ = still.teams

    def burst(_request: object) -> str:
        raise RuntimeError("a bug of ours")

    model.says = burst
    await still.deliver(message(team, "D1", "U1", "poison"))
    for attempt in (1, 2):
        held = await claim(still, "turn")
        assert held.attempts == attempt
        with pytest.raises(RuntimeError):
            await still.turns(held)
        await still.engine._release_failed(held, 0.5)
        await make_due(still, still.scopes[0], "turn")
    model.says = lambda _: "well again"
    # One attempt too many: nobody is asked again, whatever the model would say now.
    assert (await take_turn(still)).attempts == 3
    await send(still)
    assert still.texts(team) == [fallbacks.sentence(fallbacks.BROKEN)]
    await still.deliver(message(team, "D1", "U1", "and now?"))
    assert (await take_turn(still)).attempts == 1
