"""The doctor, against a live system that is sound, and against each way in which it looks done but is not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp.web
import pytest

from konstruct.cli.checks.check import Check
from konstruct.cli.doctor import doctor, run_checks
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs.workers_repository import heartbeat
from konstruct.kit.counters import Snapshot
from konstruct.kit.settings import Settings
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.operability.conftest import Spare


@dataclass
class House:
    """A whole, sound installation: two tenants with an account each, a web process, living workers."""

    spare: Spare
    settings: Settings
    ring: Path
    statuses: dict[str, int] = field(default_factory=lambda: {"webhook": 401, "readyz": 200, "models": 200})
    scopes: list[TenantScope] = field(default_factory=list)


@pytest.fixture
async def house(spare: Spare, valkey: Valkey, tmp_path: Path) -> AsyncIterator[House]:
    ring = tmp_path / "keyring.json"
    house = House(spare, spare.settings(), ring)
    runner = await serve(house)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    house.settings = spare.settings(
        keyring=str(ring), public_url=base, redis_url=valkey.url(2), broker_url=valkey.url(3), llm_backend="openai_compat",
        llm_url=f"{base}/v1", llm_model="m", llm_api_key="hunter2",
    )  # fmt: skip
    db = await spare.open()
    provider = FileKeyRing(ring)
    await provider.init()
    for name, team in (("Alpha Bikes", "T1"), ("Beta Bakery", "T2")):
        house.scopes.append(await furnish(db, Vault(provider), name, team))
    for kind in ("worker", "beat"):
        async with db.fleet("test") as session:
            await heartbeat(session, uuid4(), kind=kind, host="h", pid=1, in_flight=0, counters=Snapshot())
    await db.close()
    yield house
    await runner.cleanup()


async def serve(house: House) -> aiohttp.web.AppRunner:
    """The web process and the model server, as far as the doctor looks at them."""

    def answer(part: str) -> Callable[[aiohttp.web.Request], Awaitable[aiohttp.web.Response]]:
        async def handler(_request: aiohttp.web.Request) -> aiohttp.web.Response:
            return aiohttp.web.Response(status=house.statuses[part])

        return handler

    app = aiohttp.web.Application()
    app.router.add_post("/webhooks/slack/events", answer("webhook"))
    app.router.add_get("/readyz", answer("readyz"))
    app.router.add_get("/v1/models", answer("models"))
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner


async def furnish(db: Database, vault: Vault, name: str, team: str) -> TenantScope:
    """A tenant with a connected Slack account."""
    created = await create_tenant(db, vault, name=name)
    secret = await vault.put(db, created.scope, "slack.bot_token", f"xoxb-{team}")
    account = uuid4()
    async with db.tenant(created.scope) as session:
        await session.execute(
            "INSERT INTO channel_accounts (tenant_id, id, agent_id, kind, external_id, secret_id)"
            " VALUES ($1, $2, $3, 'slack', $4, $5)",
            created.tenant_id, account, created.agent_id, team, secret,
        )  # fmt: skip
        await session.execute(
            "INSERT INTO channel_routes (tenant_id, account_id, kind, account_key) VALUES ($1, $2, 'slack', $3)",
            created.tenant_id, account, team,
        )  # fmt: skip
    return created.scope


async def results(settings: Settings) -> dict[str, Check]:
    checks = await run_checks(settings)
    assert len({check.id for check in checks}) == len(checks)
    assert all("hunter2" not in check.evidence and "-pass" not in check.evidence for check in checks)
    return {check.id: check for check in checks}


async def test_a_sound_house_has_no_false_check(house: House) -> None:
    found = await results(house.settings)
    assert [check for check in found.values() if check.ok is False] == []
    assert {check.id for check in found.values() if check.ok is None} == {"dedupe-pruned"}
    assert found["accounts"].evidence.startswith("2 active accounts")


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        ("DELETE FROM workers WHERE kind = 'worker'", "worker"),
        ("UPDATE workers SET seen_at = now() - interval '31 s' WHERE kind = 'beat'", "beat"),
        ("DELETE FROM channel_routes WHERE account_key = 'T2'", "accounts"),
        ("UPDATE channel_routes SET account_key = 'T3' WHERE account_key = 'T2'", "accounts"),
        ("UPDATE channel_accounts SET status = 'broken' WHERE external_id = 'T2'", "accounts"),
        ("UPDATE secrets SET sealed = sealed || '\\x00'", "accounts"),
        ("INSERT INTO dedupe_keys SELECT tenant_id, 'k', NULL, now() - interval '16 days' FROM tenants", "dedupe-pruned"),
        ("UPDATE alembic_version SET version_num = '0000'", "migrations"),
        ("ALTER TABLE messages NO FORCE ROW LEVEL SECURITY", "rls-forced"),
        ("CREATE POLICY more ON messages USING (true)", "policies"),
        ("GRANT TRUNCATE ON messages TO konstruct_app", "roles"),
        ("ALTER TABLE tenants DISABLE ROW LEVEL SECURITY", "unscoped-read"),
        ("ALTER TABLE inbound_events RENAME TO elsewhere", "partitions"),
        ("INSERT INTO ready_queue (tenant_id, conversation_id, lane, due_at) VALUES (gen_random_uuid(), gen_random_uuid(),"
         " 'turn', now() - interval '61 s')", "queue-age"),
        ("INSERT INTO ready_queue (tenant_id, conversation_id, lane, state, lease_owner, lease_until, lease)"
         " VALUES (gen_random_uuid(), gen_random_uuid(), 'send', 'leased', gen_random_uuid(), now() - interval '11 s', '15 s')",
         "leases"),
        ("INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
         " owner_epoch, state, sending_until) SELECT tenant_id, uuidv7(), uuidv7(), uuidv7(), uuidv7(), 1, 0, 'reply', 'C1', 'b',"
         " 0, 'sending', now() - interval '61 s' FROM tenants LIMIT 1", "deliveries"),
        ("INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
         " owner_epoch, state, unknown_since) SELECT tenant_id, uuidv7(), uuidv7(), uuidv7(), uuidv7(), 1, 0, 'reply', 'C1', 'b',"
         " 0, 'unknown', now() - interval '601 s' FROM tenants LIMIT 1", "deliveries"),
        ("INSERT INTO dead_letters (tenant_id, id, kind, conversation_id, delivery_id, reason)"
         " SELECT tenant_id, uuidv7(), 'delivery', uuidv7(), uuidv7(), 'r' FROM tenants LIMIT 1", "dead-letters"),
    ],
)  # fmt: skip
async def test_what_the_database_hides_is_found(house: House, damage: str, check: str) -> None:
    # Foreign keys stand aside: each row here needs a whole conversation otherwise.
    await house.spare.admin(f"SET session_replication_role = replica; {damage}")
    found = await results(house.settings)
    assert found[check].ok is False, found[check]


async def test_a_wrong_answer_over_http_is_found(house: House) -> None:
    right = dict(house.statuses)
    cases = (("webhook", 200, "webhook"), ("webhook", 404, "webhook"), ("readyz", 503, "readyz"), ("models", 401, "model"))
    for part, status, check in (*cases, ("models", 502, "model")):
        house.statuses.update(right | {part: status})
        found = await results(house.settings)
        assert {one.id for one in found.values() if one.ok is False} == {check}
        assert str(status) in found[check].evidence


async def test_a_wrong_setting_is_found(house: House) -> None:
    cases: list[tuple[dict[str, str | None], str, bool | None]] = [
        ({"redis_url": "redis://:hunter2@127.0.0.1:9"}, "redis", False),
        ({"redis_url": None}, "redis", None),
        ({"broker_url": "amqp://u:hunter2@127.0.0.1:9"}, "broker", False),
        ({"llm_backend": "demo"}, "model", None),
        ({"llm_backend": None}, "model", False),
        ({"public_url": "http://127.0.0.1:9"}, "webhook", False),
        ({"keyring": None}, "keyring", False),
        ({"keyring": "nowhere/keyring.json"}, "keyring", False),
    ]
    for change, check, ok in cases:
        found = await results(house.settings.model_copy(update=_as_settings(change)))
        assert found[check].ok is ok, (change, found[check])


def _as_settings(change: dict[str, str | None]) -> dict[str, object]:
    made = Settings.model_validate({key: value for key, value in change.items() if value is not None})
    return {key: getattr(made, key) if value is not None else None for key, value in change.items()}


async def test_a_key_ring_that_others_may_read_is_found(house: House) -> None:
    house.ring.chmod(0o644)
    found = await results(house.settings)
    assert found["keyring"].ok is False
    assert "0644" in found["keyring"].evidence


async def test_a_shredded_tenants_account_is_found_and_named(house: House) -> None:
    await FileKeyRing(house.ring).shred(house.scopes[1].tenant_id)
    found = await results(house.settings)
    assert found["accounts"].ok is False
    assert str(house.scopes[1].tenant_id) in found["accounts"].evidence
    assert "KeyDestroyedError" in found["accounts"].evidence


async def test_strangers_deliveries_are_told_but_are_no_fault(house: House) -> None:
    await house.spare.admin("INSERT INTO unrouted_events (kind, account_key, reason) VALUES ('slack', 'T9', 'unknown_account')")
    found = await results(house.settings)
    assert found["unrouted"].ok is None
    assert found["unrouted"].evidence.startswith("1 deliveries")


async def test_without_a_database_the_rest_is_still_looked_at(house: House) -> None:
    gone = house.spare.settings(database_url="postgresql://konstruct_app:hunter2@127.0.0.1:9/k").database_url
    found = await results(house.settings.model_copy(update={"database_url": gone}))
    assert found["database"].ok is False
    assert (found["roles"].ok, found["worker"].ok, found["redis"].ok, found["webhook"].ok) == (None, None, True, True)


async def test_the_command_prints_json_or_a_table_and_says_by_its_code_whether_all_is_well(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(doctor, house.settings, True) == 0
    report = json.loads(capsys.readouterr().out)
    assert [sorted(check) for check in report] == [["evidence", "id", "ok"]] * len(report)
    house.statuses["readyz"] = 503
    assert await asyncio.to_thread(doctor, house.settings, False) == 1
    table = capsys.readouterr().out
    assert "FAIL  readyz" in table
    assert "1 failed" in table
