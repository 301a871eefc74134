from __future__ import annotations

from datetime import date

import pytest

from konstruct.llm.port import Usage
from konstruct.llm.prices import Price, Prices, load_prices

PRICES = load_prices()


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        ("gpt-4o", Usage(1_000_000, 0, 0), 2_500_000),
        ("gpt-4o", Usage(1_000_000, 1_000_000, 0), 1_250_000),
        ("gpt-4o", Usage(0, 0, 1_000_000), 10_000_000),
        ("gpt-4o-2024-08-06", Usage(1000, 400, 100), 3000),
        ("gpt-4o-2024-05-13", Usage(1000, 0, 100), 6500),
        ("gpt-5-nano", Usage(1, 0, 0), 1),
        ("gpt-5-mini", Usage(1000, None, 0), 250),
        ("demo/extractive", Usage(0, 0, 0), 0),
    ],
)
def test_known(model: str, usage: Usage, cost: int) -> None:
    assert PRICES.cost_micro(model, usage) == cost


@pytest.mark.parametrize(
    ("model", "usage"),
    [
        ("no-such-model", Usage(10, 0, 10)),
        ("scripted/replies", Usage(0, 0, 0)),
        ("gpt-4o-audio-preview", Usage(10, 0, 10)),
        ("gpt-4o", Usage()),
        ("gpt-4o", Usage(10, 0, None)),
        ("gpt-4o", Usage(None, None, 10)),
        ("gpt-4o-2024-05-13", Usage(1000, 500, 100)),
        ("demo/extractive", Usage()),
    ],
)
def test_unknown_is_none_and_never_nothing(model: str, usage: Usage) -> None:
    assert PRICES.cost_micro(model, usage) is None


def test_costs_are_rounded_up() -> None:
    assert Prices({"m": Price(1, None, 1)}, "2026-11-22").cost_micro("m", Usage(1, 0, 0)) == 1


def test_the_table_is_dated_and_plausible() -> None:
    assert date.fromisoformat(PRICES.as_of) >= date(2026, 11, 22)
    for model, price in PRICES._models.items():
        if model != "demo/extractive":
            assert 0 < (price.cached or 1) < price.input < price.output
