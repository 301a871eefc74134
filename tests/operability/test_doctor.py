"""The doctor, against a live system that is sound, and against each way in which it looks done but is not."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from konstruct.agents.thinking import Answer
from konstruct.channels.slack import signature
from konstruct.cli.checks import database, services, space, work
from konstruct.cli.checks.failing_model import TELLING
from konstruct.cli.checks.probe_repository import PREFIX
from konstruct.cli.checks.probe_tenant import probe_tenant
from konstruct.cli.checks.remedies import REMEDIES, RUNBOOKS
from konstruct.cli.doctor import ON_SETTINGS, ON_SYSTEM, doctor
from konstruct.db import catalogue
from konstruct.jobs.broker import COUNT, WAKE, register_tasks
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings
from konstruct.local.valkey import Valkey
from konstruct.tenants.keyring import FileKeyRing
from tests.operability.conftest import MakeLogin, Spare
from tests.operability.doctor_house import House, contents, open_house

_DELIVERY = (
    "INSERT INTO deliveries (tenant_id, id, conversation_id, account_id, message_id, position, part, kind, channel_id, body,"
    " owner_epoch, state, {0}) SELECT tenant_id, uuidv7(), uuidv7(), uuidv7(), uuidv7(), 1, 0, 'reply', 'C1', 'b', 0, '{1}',"
    " now() - interval '{2} s' FROM tenants LIMIT 1"
)
_QUEUE = "INSERT INTO ready_queue (tenant_id, conversation_id, lane, due_at, state{0}) SELECT uuidv7(), uuidv7(), {1}"
DAMAGE = (
    # One database for each group; what the groups do stands apart, as the evidence shows.
    (
        ("worker", "no worker has ever", "DELETE FROM workers WHERE kind = 'worker'"),
        ("beat", "0 of kind beat", "UPDATE workers SET seen_at = now() - interval '31 s' WHERE kind = 'beat'"),
        ("accounts", "has no route", "DELETE FROM channel_routes WHERE account_key = 'T2'"),
        ("slack-scopes", "lacks app_mentions:read",
         "UPDATE channel_accounts SET scopes = '{chat:write}' WHERE external_id = 'T1'"),
        ("whatsapp-subscribed", "without its business account", "INSERT INTO channel_accounts (tenant_id, id, agent_id, kind,"
         " external_id, secret_id) SELECT a.tenant_id, uuidv7(), a.id, 'whatsapp', '71', s.id"
         " FROM agents a JOIN secrets s USING (tenant_id) LIMIT 1"),
        ("whatsapp-tokens", "ends in 3 days", "UPDATE channel_accounts SET token_expires_at = now() + interval '3 days'"
         " WHERE kind = 'whatsapp'"),
        ("whatsapp-verification", "has not accepted", "INSERT INTO business_verifications (tenant_id, account_id, state, source)"
         " SELECT tenant_id, id, 'rejected', 'provider' FROM channel_accounts WHERE kind = 'whatsapp'"),
        ("quality-fresh", "never asked about", "INSERT INTO account_standings (tenant_id, account_id)"
         " SELECT tenant_id, account_id FROM channel_routes WHERE account_key = 'T1'"),
        ("tier-known", "has no tier", "SELECT 1"),
        ("dedupe-pruned", "is 16.0 days",
         "INSERT INTO dedupe_keys SELECT tenant_id, 'k', NULL, now() - interval '16 days' FROM tenants"),
        ("queue-age", "1 conversations wait", _QUEUE.format("", "'turn', now() - interval '61 s', 'ready'")),
        ("leases", "1 leases", _QUEUE.format(", lease_owner, lease_until, lease",
         "'send', now(), 'leased', gen_random_uuid(), now() - interval '11 s', '15 s'")),
        ("deliveries", "1 deliveries of 2", _DELIVERY.format("sending_until", "sending", 61)),
        ("dead-letters", "1 dead letters of 1", "INSERT INTO dead_letters (tenant_id, id, kind, conversation_id, delivery_id,"
         " reason) SELECT tenant_id, uuidv7(), 'delivery', uuidv7(), uuidv7(), 'r' FROM tenants LIMIT 1"),
        ("plaintext-tokens", "channel_accounts.status_reason",
         "UPDATE channel_accounts SET status_reason = 'refused xoxb-1234-canary-token' WHERE external_id = 'T2'"),
        ("large-tables", "table sessions has about 500001 rows, planned are 0",
         "SET allow_system_table_mods = on; UPDATE pg_class SET reltuples = 500001 WHERE relname = 'sessions'"),
        ("unrouted", "1 deliveries for connected accounts", "INSERT INTO unrouted_events (kind, account_key, app_id, reason)"
         " VALUES ('slack', 'T1', 'A9', 'wrong_app')"),
    ),
    (
        ("beat-runs", "count has not run since", "UPDATE maintenance_runs SET known_since = now() - interval '1 day'"
         " WHERE job = 'count'"),
        ("accounts", "has no route", "UPDATE channel_routes SET account_key = 'T3' WHERE account_key = 'T2'"),
        ("deliveries", "1 deliveries of 2", _DELIVERY.format("unknown_since", "unknown", 601)),
        ("migrations", "at migration 0000", "UPDATE alembic_version SET version_num = '0000'"),
        ("roles", "TRUNCATE", "GRANT TRUNCATE ON messages TO konstruct_app"),
        ("policies", "table messages", "CREATE POLICY more ON messages USING (true)"),
        ("plaintext-tokens", "messages.text",
         "INSERT INTO messages (tenant_id, id, conversation_id, seq, direction, author, text, state, sent_at) SELECT tenant_id,"
         " uuidv7(), uuidv7(), 1, 'out', 'ai', 'the key is sk-proj-0123456789abcdef', 'sent', now() FROM tenants LIMIT 1"),
    ),
    (
        ("accounts", "is broken", "UPDATE channel_accounts SET status = 'broken' WHERE external_id = 'T2'"),
        ("consent-refused", "who never agreed: outreach,", "ALTER TABLE deliveries DISABLE TRIGGER deliveries_consent_stored"),
        ("rls-forced", "not forced on table messages", "ALTER TABLE messages NO FORCE ROW LEVEL SECURITY"),
        ("beat-runs", "partitions has not run since", "UPDATE maintenance_runs SET last_ok_at = now() - interval '50 h',"
         " last_error_at = now(), last_error = 'OSError' WHERE job = 'partitions'"),
        ("webhook-replay", "1 message, 2 event", "ALTER TABLE dedupe_keys DROP CONSTRAINT dedupe_keys_pkey"),
        ("deliveries", "1 tenants of all", "INSERT INTO tenant_health (tenant_id, oldest_unknown_at)"
         " SELECT tenant_id, now() - interval '601 s' FROM tenants LIMIT 1"),
        ("plaintext-tokens", "unrouted_events.account_key",
         "INSERT INTO unrouted_events (kind, account_key, reason) VALUES ('slack', 'xoxb-1234-canary', 'unknown_account')"),
    ),
    (
        ("accounts", "does not open", "UPDATE secrets SET sealed = sealed || '\\x00'"),
        ("unscoped-read", "was answered", "ALTER TABLE tenants DISABLE ROW LEVEL SECURITY"),
        ("retention", "steps_202401 of steps is kept", "CREATE TABLE steps_202401 PARTITION OF steps"
         " FOR VALUES FROM ('018cc251-f400-0000-0000-000000000000') TO ('018d61f6-b000-0000-0000-000000000000')"),
        ("beat-runs", "prune is not known", "DELETE FROM maintenance_runs WHERE job = 'prune'"),
        ("partitions", "inbound_events has no partition", "DO $$ BEGIN EXECUTE format('DROP TABLE inbound_events_%s',"
         " to_char(now() + interval '1 month', 'YYYYMM')); END $$"),
        ("plaintext-tokens", "inbound_events.body", "INSERT INTO inbound_events (tenant_id, id, account_id, event_key, body)"
         " SELECT tenant_id, uuidv7(), uuidv7(), 'k', '{\"t\":\"xoxb-1234-canary\"}' FROM tenants LIMIT 1"),
    ),
)  # fmt: skip
SETTINGS: list[tuple[dict[str, str | None], str, bool | None]] = [
    ({"redis_url": "redis://:hunter2@127.0.0.1:9"}, "redis", False),
    ({"redis_url": None}, "redis", None),
    ({"redis_url": None}, "redis-keys", None),
    ({"broker_url": "amqp://u:hunter2@127.0.0.1:9"}, "broker", False),
    ({"broker_url": None}, "celery-tasks", None),
    ({"broker_url": None}, "beat-jobs", None),
    ({"llm_backend": "demo"}, "model", None),
    ({"llm_backend": None}, "model", False),
    ({"public_url": "http://127.0.0.1:9"}, "webhook", False),
    ({"public_url": "http://127.0.0.1:9"}, "webhook-signature", False),
    ({"slack_signing_secret": "another"}, "webhook-signature", False),
    ({"slack_signing_secret": "another"}, "webhook-replay", False),
    ({"slack_signing_secret": None}, "webhook-signature", None),
    ({"slack_signing_secret": None}, "webhook-replay", None),
    ({"slack_client_id": "1.1"}, "slack-app", False),
    ({"slack_client_id": "1.1", "slack_client_secret": "hunter2"}, "slack-app", False),
    (
        {"slack_client_id": "1.1", "slack_client_secret": "hunter2", "slack_api_url": "http://127.0.0.1:9/api/"},
        "slack-app",
        False,
    ),
    ({"whatsapp_app_id": "1"}, "whatsapp-app", False),
    ({"whatsapp_app_id": "1", "whatsapp_app_secret": "hunter2"}, "whatsapp-app", False),
    (
        {
            "whatsapp_app_id": "1",
            "whatsapp_app_secret": "hunter2",
            "whatsapp_config_id": "2",
            "whatsapp_api_url": "http://127.0.0.1:9/",
        },
        "whatsapp-app",
        False,
    ),
    ({"whatsapp_verify_token": "hunter2"}, "whatsapp-webhook", False),
    ({"whatsapp_app_id": "1"}, "whatsapp-webhook", False),
    ({"keyring": None}, "keyring", False),
    ({"keyring": "nowhere/keyring.json"}, "keyring", False),
    ({"data_dir": None}, "disk", None),
]
STATUSES = [
    ("/webhooks/slack/events", 200, {"webhook", "webhook-signature", "webhook-replay"}),
    ("/webhooks/slack/events", 404, {"webhook", "webhook-signature", "webhook-replay"}),
    ("/readyz", 503, {"readyz"}),
    ("/v1/models", 401, {"model"}),
    ("/v1/models", 502, {"model"}),
]
WRONG_CODE = ("server-version", "extension", "clock-skew", "disk", "demo-refused", "celery-tasks", "model-failure")


@pytest.fixture
async def house(spare: Spare, valkey: Valkey, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(spare, valkey, tmp_path) as opened:
        yield opened


def test_every_check_has_a_test_that_makes_it_fail_and_a_word_on_what_to_do() -> None:
    checks = {"database", *ON_SETTINGS, *ON_SYSTEM}
    failed = {check for group in DAMAGE for check, _, _ in group} | {check for _, check, ok in SETTINGS if ok is False}
    failed |= {check for _, _, found in STATUSES for check in found}
    assert failed | set(WRONG_CODE) | {"database", "redis-keys", "beat-jobs"} == checks
    assert set(REMEDIES) == checks
    operations = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    headings = set(re.findall(r"^#+ (.+)$", operations, re.MULTILINE))
    assert [name for name in RUNBOOKS.values() if name not in headings] == []


async def test_a_sound_house_has_no_false_check_and_is_left_as_it_was(house: House) -> None:
    before = await contents(house.spare)
    found = await house.checks()
    assert [check for check in found.values() if check.ok is False] == []
    assert {check.id for check in found.values() if check.ok is None} == {
        "dedupe-pruned",
        "beat-runs",
        "slack-app",
        "slack-scopes",
        "whatsapp-app",
        "whatsapp-webhook",
        "whatsapp-subscribed",
        "whatsapp-tokens",
        "whatsapp-verification",
        "quality-fresh",
        "tier-known",
    }
    assert found["accounts"].evidence.startswith("2 active accounts")
    assert await contents(house.spare) == before


@pytest.mark.parametrize("group", range(len(DAMAGE)))
async def test_what_the_database_hides_is_found(house: House, group: int) -> None:
    for _, _, damage in DAMAGE[group]:
        # Foreign keys stand aside: each row here needs a whole conversation otherwise.
        await house.spare.admin(f"SET session_replication_role = replica; {damage}")
    found = await house.checks()
    for check, evidence, _ in DAMAGE[group]:
        assert found[check].ok is False and evidence in found[check].evidence, found[check]
    said = " ".join(check.evidence for check in found.values())
    assert "1234-canary" not in said and "0123456789abcdef" not in said


async def test_a_wrong_answer_over_http_is_found(house: House) -> None:
    right = dict(house.statuses)
    for path, status, checks in STATUSES:
        house.statuses = right | {path: status}
        found = await house.checks({*ON_SETTINGS, "webhook-replay"})
        assert {one.id for one in found.values() if one.ok is False} == checks, (path, status)
        assert all(str(status) in found[check].evidence for check in checks)


async def test_a_wrong_setting_is_found(house: House) -> None:
    for change, check, ok in SETTINGS:
        found = await house.checks({check}, **_as_settings(change))
        assert found[check].ok is ok, (change, found[check])


def _as_settings(change: dict[str, str | None]) -> dict[str, object]:
    made = Settings.model_validate({key: value for key, value in change.items() if value is not None})
    return {key: getattr(made, key) if value is not None else None for key, value in change.items()}


async def test_code_that_is_not_what_it_was_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgotten() -> None:
        """A task that Celery would never await."""

    def with_coroutine(app: Any, **work_of: Any) -> None:
        register(app, **work_of)
        app.task(name="konstruct.forgotten", shared=False)(forgotten)

    register = register_tasks
    monkeypatch.setattr(catalogue, "MINIMUM_SERVER", 990_000)
    monkeypatch.setattr(catalogue, "MINIMUM_VECTOR", (99, 0))
    monkeypatch.setattr(database, "SKEW_S", -1.0)
    monkeypatch.setattr(space, "FREE_MIN", 1 << 60)
    monkeypatch.setattr(services, "load_settings", lambda **_: None)
    monkeypatch.setattr(work, "register_tasks", with_coroutine)
    monkeypatch.setattr("konstruct.agents.loop.fallback", lambda reason, bury=False: Answer(TELLING, "fallback", reason))
    found = await house.checks(WRONG_CODE)
    assert inspect.iscoroutinefunction(forgotten)
    for check in WRONG_CODE:
        assert found[check].ok is False, found[check]
    assert "konstruct.forgotten" in found["celery-tasks"].evidence
    assert "a model's own words" in found["model-failure"].evidence


async def test_a_stale_request_that_is_taken_and_a_job_that_nobody_knows_are_found(
    house: House, monkeypatch: pytest.MonkeyPatch, valkey: Valkey
) -> None:
    def without_pruning(app: Any, **_: Any) -> None:
        def nothing() -> None:
            """Stands for the work."""

        for name in (WAKE, COUNT):
            app.task(name=name, shared=False)(nothing)

    # The web process of this house reads it when it verifies; the doctor's own age was fixed when it was loaded.
    monkeypatch.setattr(signature, "WINDOW_S", 10_000)
    monkeypatch.setattr(work, "register_tasks", without_pruning)
    await _put(valkey, "project:7")
    try:
        found = await house.checks({"webhook-signature", "beat-jobs", "redis-keys"})
    finally:
        await _put(valkey, "project:7", remove=True)
    assert found["webhook-signature"].ok is False and "old gets 200" in found["webhook-signature"].evidence
    assert found["beat-jobs"].ok is False and "konstruct.prune" in found["beat-jobs"].evidence
    assert found["redis-keys"].ok is False and found["redis-keys"].evidence.startswith("1 keys do not begin")
    assert "project" not in found["redis-keys"].evidence


async def _put(valkey: Valkey, key: str, *, remove: bool = False) -> None:
    import redis.asyncio

    async with redis.asyncio.Redis.from_url(valkey.url(2), protocol=2) as client:
        await (client.delete(key) if remove else client.set(key, "a value"))


async def test_what_a_killed_doctor_left_is_taken_away(house: House) -> None:
    before = await contents(house.spare)
    db = await house.spare.open()
    try:
        left = probe_tenant(db)
        probe = await left.__aenter__()
        assert str(probe.scope.tenant_id).startswith(PREFIX)
        # While it is fresh it may be another doctor's, and is nobody's business: neither counted nor looked into.
        assert (await house.checks({"accounts"}))["accounts"].evidence.startswith("2 active accounts of 2 tenants")
        assert await contents(house.spare) != before
        await house.spare.admin(
            "UPDATE tenant_directory SET created_at = now() - interval '11 min' WHERE tenant_id::text LIKE 'd0c7%'"
        )
        await house.checks({"webhook-replay"})
        assert await contents(house.spare) == before
        await left.__aexit__(None, None, None)
    finally:
        await db.close()


async def test_a_maintenance_login_that_is_too_strong_or_too_weak_is_found(house: House, make_login: MakeLogin) -> None:
    for attributes, says in (("SUPERUSER", "is a SUPERUSER"), ("BYPASSRLS", "has BYPASSRLS"), ("", "may not become")):
        login = house.spare.settings(owner_database_url=await make_login(attributes)).owner_database_url
        found = await house.checks({"roles"}, owner_database_url=login)
        assert found["roles"].ok is False and says in found["roles"].evidence, attributes
    sound = house.spare.settings(owner_database_url=house.spare.urls.maintenance).owner_database_url
    assert (await house.checks({"roles"}, owner_database_url=sound))["roles"].ok is True


async def test_a_key_ring_that_others_may_read_is_found(house: House) -> None:
    house.ring.chmod(0o644)
    found = await house.checks({"keyring"})
    assert found["keyring"].ok is False
    assert "0644" in found["keyring"].evidence


async def test_a_shredded_tenants_account_is_found_and_named(house: House) -> None:
    await FileKeyRing(house.ring).shred(house.scopes[1].tenant_id)
    found = await house.checks({"accounts"})
    assert found["accounts"].ok is False
    assert str(house.scopes[1].tenant_id) in found["accounts"].evidence
    assert "KeyDestroyedError" in found["accounts"].evidence


async def test_strangers_deliveries_are_told_but_are_no_fault(house: House) -> None:
    await house.spare.admin("INSERT INTO unrouted_events (kind, account_key, reason) VALUES ('slack', 'T9', 'unknown_account')")
    found = await house.checks({"unrouted"})
    assert found["unrouted"].ok is None
    assert found["unrouted"].evidence.startswith("1 deliveries")


async def test_without_a_database_the_rest_is_still_looked_at(house: House) -> None:
    gone = house.spare.settings(database_url="postgresql://konstruct_app:hunter2@127.0.0.1:9/k").database_url
    found = await house.checks(database_url=gone)
    assert found["database"].ok is False
    assert (found["roles"].ok, found["worker"].ok, found["redis"].ok, found["webhook"].ok) == (None, None, True, True)


async def test_only_what_is_asked_for_is_looked_at(house: House) -> None:
    assert list(await house.checks({"roles"})) == ["database", "roles"]
    assert list(await house.checks({"keyring"})) == ["keyring"]
    with pytest.raises(KonstructError, match="no check 'rolls'"):
        await house.checks({"rolls"})


async def test_the_command_prints_json_or_a_table_and_says_by_its_code_whether_all_is_well(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    # The web process of this test logs to the same place.
    with capture_logs():
        assert await asyncio.to_thread(doctor, house.settings, True, []) == 0
    report = json.loads(capsys.readouterr().out)
    assert [sorted(check) for check in report] == [["evidence", "id", "ok", "todo"]] * len(report)
    assert all(len(check["todo"]) > 10 for check in report)
    house.statuses["/readyz"] = 503
    assert await asyncio.to_thread(doctor, house.settings, False, []) == 1
    table = capsys.readouterr().out
    assert "FAIL  readyz" in table and f"→ {REMEDIES['readyz']}" in table
    assert "1 failed" in table
