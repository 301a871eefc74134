from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from konstruct.channels import accounts
from konstruct.channels.ingest import Ingest
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.kit.settings import load_settings
from konstruct.local.valkey import Valkey
from konstruct.tenants.vault import Vault
from tests.channels.slack_bodies import SECRET
from tests.support.fake_slack import FakeSlack, Workspace
from tests.support.house import team_of
from tests.support.slack_events import Team

pytest.register_assert_rewrite(*(f"tests.channels.contract.rules_{each}" for each in ("reading", "sending", "showing")))


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    folder: Path = tmp_path_factory.mktemp("valkey")
    server = Valkey(folder / "data", secrets.token_hex(16), log=folder / "valkey.log")
    asyncio.run(server.start())
    try:
        yield server
    finally:
        asyncio.run(server.stop())


@pytest.fixture
async def redis(valkey: Valkey) -> AsyncIterator[Redis]:
    client = Redis(valkey.url(0), timeout_s=30)
    try:
        yield client
    finally:
        await client.close()


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    fake = FakeSlack(
        [
            Workspace("xoxb-first-canary", "T1", "A1", "B1", "UBOT1", {"D1", "C1"}),
            Workspace("xoxb-second-canary", "T2", "A1", "B2", "UBOT2", {"D2", "C2"}),
        ]
    )
    await fake.start()
    try:
        yield fake
    finally:
        await fake.stop()


@pytest.fixture
async def adapter(slack: FakeSlack) -> AsyncIterator[SlackAdapter]:
    found = SlackAdapter(load_settings(slack_signing_secret=SECRET, slack_api_url=slack.url))
    try:
        yield found
    finally:
        await found.close()


@pytest.fixture
async def teams(db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]) -> tuple[Team, Team]:
    """Both tenants' workspaces, connected."""
    found = team_of(0, tenants[0]), team_of(1, tenants[1])
    for scope, team in zip(tenants, found, strict=True):
        await accounts.connect(
            db, house_vault, scope, kind="slack", external_id=team.team_id, app_id=team.app_id,
            bot_user_id=team.bot_user_id, token=team.token,
        )  # fmt: skip
    return found


@pytest.fixture
def ingest(db: Database) -> Ingest:
    """As the web process has it, without a bell."""
    return Ingest(db, burst_s=0.0, ring=lambda: None)
