"""The usage page and its file: the sums of one business, drawn as they are, whatever was counted."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import date, timedelta

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import Settings
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.port import CallRecord, Usage
from konstruct.llm.usage_repository import record_calls
from konstruct.tenants.roles import Role
from konstruct.tenants.vault import Vault
from konstruct.web.portal import charts
from tests.support.hand import conversation, rows, take_turn
from tests.support.house import House, open_house
from tests.support.portal import open_portal
from tests.support.slack_events import message

PRICED = CallRecord("openai_compat", "gpt-4o", "ok", Usage(1000, 600, 200), 3_500, 812, 95)
FIRST = date(2026, 3, 1)


@pytest.fixture
async def house(
    settings: Settings, db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> AsyncIterator[House]:
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, ScriptedBackend(), run_engine=False) as opened:
        yield opened


async def _used(house: House, *calls: CallRecord, number: int = 0) -> None:
    """Let a conversation of the business take these calls, besides one whose cost nobody knows."""
    scope = house.scopes[number]
    await house.deliver(message(house.teams[number], "D1", "U1", "hello"))
    await take_turn(house)
    (turn,) = await rows(house, scope, "SELECT id FROM turns WHERE tenant_id = $1")
    async with house.db.tenant(scope) as session:
        await record_calls(session, turn["id"], 0, calls)


async def test_what_was_used_is_shown_and_what_is_unknown_is_said(house: House) -> None:
    await _used(house, PRICED, PRICED)
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get("/usage")
    assert answer.status == 200
    for shown in ("$0.0070", "unknown for 1 call", "Slack", "gpt-4o", "scripted/replies", "spent, without a limit"):
        assert shown in answer.text
    assert f'href="/inbox/{await conversation(house, house.scopes[0])}"' in answer.text
    assert " style=" not in answer.text
    drawings = re.findall(r'<svg class="chart.*?</svg>', answer.text, re.DOTALL)
    assert len(drawings) == 4
    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert root.get("role") == "img" and root.find("title") is not None and root.find("desc") is not None


async def test_a_business_sees_its_own_usage_only(house: House) -> None:
    await _used(house, PRICED, number=1)
    async with open_portal(house, house.scopes[0]) as person:
        page = await person.get("/usage")
        files = [(await person.get(f"/usage.csv?by={by}")).text for by in ("conversation", "channel")]
    assert "Nothing was used in this period" in page.text
    assert [text.count("\r\n") for text in files] == [1, 1]


async def test_a_period_can_be_chosen_and_a_wrong_one_is_said(house: House) -> None:
    await _used(house, PRICED)
    async with open_portal(house, house.scopes[0]) as person:
        past = await person.get("/usage?from=2020-01-01&to=2020-01-31")
        wrong = await person.get("/usage?from=2026-03-02&to=2026-03-01")
        junk = await person.get("/usage?from=%22%3E%3Cscript%3E&to=")
        refused = await person.get("/usage.csv?from=x")
    assert "Nothing was used in this period" in past.text and 'value="2020-01-31"' in past.text
    assert wrong.status == 422 and "must not be after" in wrong.text and 'value="2026-03-02"' in wrong.text
    assert "$0.0035" in wrong.text
    assert junk.status == 422 and "<script>" not in junk.text
    assert refused.status == 400 and "A day looks like" in refused.text


async def test_the_file_is_for_download_and_its_cells_are_safe(house: House) -> None:
    await _used(house, PRICED)
    async with house.db.tenant(house.scopes[0]) as session:
        await session.execute("UPDATE contacts SET display_name = '@SUM(A1)' WHERE tenant_id = $1", session.scope.tenant_id)
    async with open_portal(house, house.scopes[0], "viewer") as person:
        answer = await person.get("/usage.csv?by=conversation")
        unknown = await person.get("/usage.csv?by=moon")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="usage-by-conversation-')
    assert answer.headers["Cache-Control"] == "no-store"
    assert "'@SUM(A1)" in answer.text and ",@SUM" not in answer.text
    assert "0.003500" in answer.text
    assert unknown.status == 404


async def test_a_budget_and_its_bar(house: House) -> None:
    async with house.db.tenant(house.scopes[0]) as session:
        await session.execute(
            "INSERT INTO llm_budgets (tenant_id, period, limit_micro, spent_micro)"
            " VALUES ($1, date_trunc('month', now() AT TIME ZONE 'UTC')::date, 10000000, 8500000)",
            session.scope.tenant_id,
        )
    async with open_portal(house, house.scopes[0]) as person:
        answer = await person.get("/usage")
    assert "85% of $10.00" in answer.text and 'class="bar-of warn"' in answer.text


@pytest.mark.parametrize("role", ["viewer", "operator", "admin", "owner"])
async def test_every_role_may_see_it(house: House, role: Role) -> None:
    async with open_portal(house, house.scopes[0], role) as person:
        assert (await person.get("/usage")).status == 200


def _days(count: int) -> list[date]:
    return [FIRST + timedelta(days=number) for number in range(count)]


@pytest.mark.parametrize("count", [1, 7, 30, 92, 93, 366])
@pytest.mark.parametrize("value", [0, 1, 999, 10**15])
@pytest.mark.parametrize("width", [charts.WIDE, charts.NARROW])
def test_nothing_is_drawn_outside_and_labels_do_not_meet(count: int, value: int, width: int) -> None:
    days, values = _days(count), [[value, value * 2] for _ in range(count)]
    for chart in (
        charts.stacked(days, values, ["A", "B"], charts.compact, width),
        charts.growing(days, values, ["A", "B"], charts.compact, width),
    ):
        for column in chart.columns:
            assert chart.left - 0.1 <= column.x and column.x + column.width <= chart.right + 0.1
            for bar in column.bars:
                assert column.x - 0.1 <= bar.x and bar.x + bar.width <= column.x + column.width + 0.1
                assert chart.top - 0.1 <= bar.y and bar.y + bar.height <= chart.bottom + 0.1 and bar.width > 0
        points = [float(number) for area in chart.areas for pair in area.points.split() for number in pair.split(",")]
        assert all(0 <= number <= width for number in points)
        gaps = [b.at - a.at for a, b in zip(chart.labels, chart.labels[1:], strict=False)]
        assert chart.labels and all(gap >= 55 for gap in gaps)
        assert bool(chart.areas or any(column.bars for column in chart.columns)) == bool(value)
        assert max(len(tick.text) for tick in chart.ticks) <= 7


def test_a_column_says_its_day_and_its_numbers() -> None:
    chart = charts.stacked(_days(2), [[1_500_000, 0], [0, 0]], ["Slack", "Tried here"], charts.dollars)
    assert [column.title for column in chart.columns] == ["1 Mar: Slack: $1.50", "2 Mar: nothing"]
    weeks = charts.stacked(_days(100), [[1] for _ in range(100)], ["Slack"], charts.compact)
    assert weeks.columns[0].title == "1 Mar – 7 Mar: Slack: 7"
    grown = charts.growing(_days(2), [[5], [7]], ["Input"], charts.compact)
    assert [column.title for column in grown.columns] == ["until 1 Mar: Input: 5", "until 2 Mar: Input: 12"]


@pytest.mark.parametrize(
    ("most", "top"), [(0, 4), (4, 4), (5, 8), (9, 20), (21, 40), (41, 80), (81, 200), (3_500, 4_000), (4_001, 8_000)]
)
def test_an_axis_ends_at_a_round_number(most: int, top: int) -> None:
    assert charts.nice_top(most) == top


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (950, "950"), (1000, "1k"), (1250, "1.2k"), (999_000, "999k"), (34_000_000, "34M")]
)
def test_counts_in_few_letters(value: int, said: str) -> None:
    assert charts.compact(value) == said


@pytest.mark.parametrize(
    ("micro", "said"), [(0, "$0"), (500, "$0.0005"), (1_500_000, "$1.50"), (20_000_000, "$20"), (12_000_000_000, "$12k")]
)
def test_money_at_an_axis(micro: int, said: str) -> None:
    assert charts.dollars(micro) == said
