"""The suite: every rule that a channel's capabilities call for, each with a harness of its own."""

from __future__ import annotations

import pytest

import tests.channels.contract.rules_growing
import tests.channels.contract.rules_reading
import tests.channels.contract.rules_sending
import tests.channels.contract.rules_showing  # noqa: F401  # they enter their rules
from tests.channels.contract.harness import Harness
from tests.channels.contract.rule import RULES


class ChannelContract:
    """Derive a class, give it the fixture `harness`, and a channel is held to the contract."""

    @pytest.mark.parametrize("name", RULES)
    async def test_rule(self, harness: Harness, name: str) -> None:
        rule = RULES[name]
        if rule.applies(harness.caps):
            await rule.check(harness)
