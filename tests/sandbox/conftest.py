"""The sandbox on a real port beside an app that records what it hears."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from konstruct.local.sandbox.slack.limits import SLACK_RATES, Rate
from tests.sandbox.support import Listener, Sandbox, open_listener, open_sandbox

Rates = dict[str, Rate]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    """An app's webhook that takes everything."""
    async with open_listener() as opened:
        yield opened


@pytest.fixture
def rates() -> Rates:
    """Slack's own limits; a test that posts a lot may loosen them."""
    return dict(SLACK_RATES)


@pytest.fixture
async def sandbox(tmp_path: Path, listener: Listener, rates: Rates) -> AsyncIterator[Sandbox]:
    """Both sample businesses, with retries that follow quickly."""
    quick = (0.0, 0.05, 0.1)
    options: dict[str, Any] = {"rates": rates, "retry_delays_s": quick, "meta_delays_s": quick}
    async with open_sandbox(tmp_path / "sandbox.db", listener.url, **options) as opened:
        yield opened
