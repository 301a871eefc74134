"""The timeline of a turn: what it recalled, asked, called and sent, when, how often and for how much."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import pytest

from konstruct.agents import fallbacks, timeline
from konstruct.agents.timeline import Event, Timeline
from konstruct.agents.timeline_reasons import why_fallback
from konstruct.agents.timeline_trace import Trace
from konstruct.channels import deliveries_repository
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import NotFoundError
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import Reply
from konstruct.llm.port import Finish, LlmError, TextDelta, ToolCallDelta, Usage
from konstruct.memory.documents import Documents
from konstruct.tenants.vault import Vault
from tests.support.fake_slack import answers
from tests.support.hand import abandon, age_unknown, claim, make_due, rows, send, take_turn, working
from tests.support.house import House, open_house
from tests.support.puppet import Puppet
from tests.support.slack_events import message

POST = "chat.postMessage"


@pytest.fixture
def model() -> Puppet:
    return Puppet()


@pytest.fixture
async def still(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope], model: Puppet
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0, "turn_attempts": 2})
    async with open_house(quick, db, house_vault, tenants, model, run_engine=False) as opened:
        yield opened


async def _turn_id(still: House, number: int = 0) -> UUID:
    found: UUID = (
        await rows(still, still.scopes[number], "SELECT id FROM turns WHERE tenant_id = $1 ORDER BY started_at DESC LIMIT 1")
    )[0]["id"]
    return found


async def _read(still: House, number: int = 0) -> Timeline:
    turn_id = await _turn_id(still, number)
    async with still.db.tenant(still.scopes[number]) as session:
        return await timeline.read(session, turn_id)


def _only(found: Timeline, kind: str) -> Event:
    (event,) = [event for event in found.events if event.kind == kind]
    return event


async def test_a_turn_with_everything_in_the_order_in_which_it_happened(still: House, model: Puppet) -> None:
    await Documents(still.db).add(still.scopes[0], "Returns", "You may return goods within 30 days.", "handbook")
    tokens = Usage(1000, 600, 200)
    script: Iterator[Reply] = iter([
        [ToolCallDelta(0, "call_a", "refund", "{}"), Finish("tool_calls", tokens)],
        [TextDelta("Within 30 days."), Finish("stop", tokens, "gpt-4o")],
    ])  # fmt: skip
    model.says = lambda _: next(script)
    await still.deliver(message(still.teams[0], "D1", "U1", "how long may I return goods?"))
    await take_turn(still)
    await send(still)
    found = await _read(still)

    assert [event.kind for event in found.events] == ["waiting", "recall", "model", "tool", "model", "delivery"]
    assert (found.outcome, found.why, found.answer) == ("answered", None, "Within 30 days.")
    assert [text for _, text in found.asked] == ["how long may I return goods?"]
    starts = [event.started_ms for event in found.events]
    assert starts == sorted(starts) and all(event.duration_ms >= 0 for event in found.events)
    assert found.total_ms >= max(event.started_ms + event.duration_ms for event in found.events)
    recall, answer, delivery = (found.events[index] for index in (1, 4, 5))
    assert [passage["title"] for passage in recall.detail["passages"]] == ["Returns"]
    assert "within 30 days" not in str(recall.detail), "what a document says stays in the document"
    assert answer.tokens is not None
    assert (answer.label, answer.tokens.input, answer.tokens.cached, answer.tokens.output) == ("Asking gpt-4o", 1000, 600, 200)
    assert (answer.cost_micro, answer.unknown_cost_calls) == (3750, 0)
    assert answer.detail["step"]["content"]["text"] == "Within 30 days."
    # The first one's model has no price: it is unknown, and nothing is added for it.
    assert (found.cost_micro, found.unknown_cost_calls) == (3750, 1)
    assert (found.events[3].label, found.events[3].tone, found.events[3].note) == ("refund", "warn", "refused: no tool executor")
    assert (delivery.tone, delivery.attempts, len(delivery.spans)) == ("ok", 1, 1)
    assert delivery.detail["delivery"]["external_id"] == still.slack.posts[0]["ts"]


async def test_steps_and_attempts_stand_where_they_happened(still: House, model: Puppet) -> None:
    script: Iterator[Reply] = iter([LlmError("unavailable", "not now"), "at last"])
    model.says = lambda _: next(script)
    model.hold.clear()
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    held = await claim(still, "turn")
    async with working(still, held):
        await model.asked(1)
        await asyncio.sleep(0.05)
        model.hold.set()
    asked = _only(await _read(still), "model")
    assert (asked.attempts, asked.tone) == (2, "warn")
    assert asked.note == "answered at attempt 2; before that: unavailable"
    assert [span.tone for span in asked.spans] == ["bad", "ok"]
    first, second = asked.spans
    assert first.duration_ms >= 50
    # Start and duration are each rounded to the nearest millisecond, so that their sum may be one too many.
    assert second.started_ms + 1 >= first.started_ms + first.duration_ms
    assert asked.duration_ms == max(span.started_ms + span.duration_ms for span in asked.spans) - first.started_ms
    calls = await rows(still, still.scopes[0], "SELECT started_ms FROM llm_calls WHERE tenant_id = $1 ORDER BY started_ms")
    assert calls[1]["started_ms"] - calls[0]["started_ms"] >= 50
    (step,) = await rows(still, still.scopes[0], "SELECT started_ms, ended_ms FROM steps WHERE tenant_id = $1")
    assert step["ended_ms"] - step["started_ms"] >= 50


async def test_a_turn_taken_up_after_a_crash_goes_on_in_the_same_time(still: House, model: Puppet) -> None:
    await Documents(still.db).add(still.scopes[0], "Hello", "Say hello to everybody.", "handbook")
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    held = await claim(still, "turn")
    model.hold.clear()
    async with working(still, held) as task:
        await model.asked(1)
        task.cancel()
    model.hold.set()
    await abandon(still, held)
    async with still.db.tenant(still.scopes[0]) as session:
        await session.execute(
            "UPDATE turns SET started_at = started_at - interval '5 seconds' WHERE tenant_id = $1", held.scope.tenant_id
        )
    await take_turn(still)
    found = await _read(still)
    assert found.attempts == 2
    # The recall of the first claim died with it; the one that counted is there, once.
    assert _only(found, "recall").started_ms >= 5000
    assert _only(found, "model").started_ms >= 5000


@pytest.mark.parametrize(
    ("kind", "words"),
    [("auth", "did not accept our key"), ("rate_limited", "slow down"), ("too_long", "longer than"), ("over_budget", "budget")],
)
async def test_why_a_fallback(still: House, model: Puppet, kind: str, words: str) -> None:
    model.says = lambda _: LlmError(kind, "no", status=401)  # type: ignore[arg-type]
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    found = await _read(still)
    assert found.outcome == "fallback" and found.why is not None
    assert words in found.why.happened and found.why.advice
    assert found.raw["failure"]["kind"] == kind
    asked = _only(found, "model")
    assert (asked.tone, asked.note) == ("bad", f"no answer: {kind.replace('_', ' ')}")


def test_every_reason_has_words_of_its_own() -> None:
    reasons = [value for name, value in vars(fallbacks).items() if name.isupper() and isinstance(value, str)]
    assert len({why_fallback(reason, None) for reason in reasons}) == len(reasons) >= 7


async def test_a_dead_turn_shows_its_dead_letter(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    for _ in range(2):
        await abandon(still, await claim(still, "turn"))
    await take_turn(still)
    found = await _read(still)
    assert [letter["kind"] for letter in found.letters] == ["turn"]
    assert found.why == why_fallback("broken", None)


async def test_each_attempt_at_a_delivery_is_a_row_with_its_reason(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    still.slack.fault, still.slack.accept = answers(200, '{"ok":false,"error":"request_timeout"}'), False
    still.slack.fault_in, still.slack.fault_times = POST, 1
    await send(still)
    delivery = _only(await _read(still), "delivery")
    assert (delivery.tone, delivery.attempts, [span.tone for span in delivery.spans]) == ("mute", 1, ["bad"])
    await make_due(still, still.scopes[0], "send")
    still.slack.fault, still.slack.accept, still.slack.fault_times = answers(500, "no"), True, 1
    await send(still)
    delivery = _only(await _read(still), "delivery")
    assert (delivery.tone, delivery.note) == ("warn", "may have been shown; being looked up: the channel said “http_500”")
    await age_unknown(still, still.scopes[0], 61)
    still.slack.fault = None
    await send(still)
    delivery = _only(await _read(still), "delivery")
    # It was found in the channel's history: what was unknown was sent.
    assert (delivery.tone, delivery.note, delivery.attempts) == ("warn", "shown", 2)
    tries = [(each["attempt"], each["outcome"], each["reason"]) for each in delivery.detail["attempts"]]
    assert tries == [(1, "retry", "request_timeout"), (2, "sent", None)]
    assert all(each["ended_at"] for each in delivery.detail["attempts"])


async def test_a_failed_delivery_and_one_that_ran_out_of_its_window(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    held = await claim(still, "send")
    async with still.db.tenant(held.scope) as session:
        _, (open_one,) = await deliveries_repository.open_deliveries(session, held)
        assert await deliveries_repository.start_sending(session, held, open_one.id, 0.0) is None
    async with still.db.tenant(held.scope) as session:
        await deliveries_repository.open_deliveries(session, held)
    async with still.db.tenant(held.scope) as session:
        await deliveries_repository.end(session, held, open_one.id, "failed", "outcome_unknown")
    found = await _read(still)
    delivery = _only(found, "delivery")
    assert delivery.tone == "bad" and "nobody can say" in delivery.note
    (attempt,) = delivery.detail["attempts"]
    assert (attempt["outcome"], attempt["reason"]) == ("unknown", "window_over")
    assert [letter["kind"] for letter in found.letters] == ["delivery"]


async def test_nobody_reads_another_business_turn(still: House) -> None:
    await still.deliver(message(still.teams[0], "D1", "U1", "hello"))
    await take_turn(still)
    turn_id = await _turn_id(still)
    async with still.db.tenant(still.scopes[1]) as session:
        with pytest.raises(NotFoundError):
            await timeline.read(session, turn_id)


def test_the_trace_counts_from_the_turns_start_and_forgets_what_is_stored() -> None:
    now = [100.0]
    trace = Trace(2.0, lambda: now[0])
    assert (trace.began, trace.ms()) == (98.0, 2000)
    now[0] = 100.5
    trace.recalled(2000, "what", ())
    assert '"ended_ms":2500' in trace.recalls
    trace.stored()
    assert (trace.recalls, trace.failure) == ("[]", None)
    trace.failed(LlmError("auth", "no", status=401))
    assert trace.failure == '{"kind":"auth","status":401,"text":"auth: no"}'
