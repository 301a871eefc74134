"""What a call costs: a small dated table of the models we name. What it does not know has no cost, never a cost of 0."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import orjson

from konstruct.llm.port import Usage

_MILLION = 1_000_000
_DATED = re.compile(r"-\d{4}-\d{2}-\d{2}$")


@dataclass(frozen=True, slots=True)
class Price:
    """Millionths of a US dollar per million tokens. `cached` is the price of input that the provider's cache served."""

    input: int
    cached: int | None
    output: int


class Prices:
    """Looks prices up by model name. Models that also charge for cache writes are left out: the usage does not count them."""

    def __init__(self, models: Mapping[str, Price], as_of: str) -> None:
        self._models = dict(models)
        self.as_of = as_of
        """The day the table was last compared with the providers' lists."""

    def find(self, model: str) -> Price | None:
        """Return the price of `model`, also of its dated snapshot, or None."""
        return self._models.get(model) or self._models.get(_DATED.sub("", model))

    def cost_micro(self, model: str, usage: Usage) -> int | None:
        """Return the cost of a call, rounded up to a millionth of a dollar; None where price or usage is not known.

        A provider that does not say how much its cache served is priced as if it served nothing: an upper bound.
        """
        price = self.find(model)
        if price is None or usage.input_tokens is None or usage.output_tokens is None:
            return None
        cached = min(usage.cached_tokens or 0, usage.input_tokens)
        if cached and price.cached is None:
            return None
        total = (usage.input_tokens - cached) * price.input + cached * (price.cached or 0) + usage.output_tokens * price.output
        return -(-total // _MILLION)

    def bound_micro(self, model: str, prompt_bytes: int, max_output_tokens: int) -> int | None:
        """Return what a call may cost at most, by a token for every 3 bytes of its prompt; None for an unknown price."""
        return self.cost_micro(model, Usage(prompt_bytes // 3 + 1, 0, max_output_tokens))


def load_prices() -> Prices:
    """Return the table that comes with the package."""
    table = orjson.loads(resources.files("konstruct.llm").joinpath("prices.json").read_bytes())
    return Prices({name: Price(**price) for name, price in table["models"].items()}, table["as_of"])
