from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.channels.contract.harness import Harness
from tests.channels.contract.plain_harness import plain_harness
from tests.channels.contract.suite import ChannelContract


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with plain_harness() as found:
        yield found


class TestPlain(ChannelContract):
    """The contract, held by a channel without edits or threads and with a reply window."""
