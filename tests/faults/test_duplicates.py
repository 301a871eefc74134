"""A provider that says everything three times, in any order, and a mention as two events."""

from __future__ import annotations

import pytest

from tests.faults.crew import Crew

pytestmark = pytest.mark.asyncio(loop_scope="package")
WAVES = 3


async def test_every_delivery_three_times_shuffled_and_mentions_as_two_events(crew: Crew) -> None:
    for _ in range(WAVES):
        await crew.traffic.wave(messages=2)
    await crew.settled()
    assert len(crew.traffic.acked) == WAVES * 2 * 2 * 4
