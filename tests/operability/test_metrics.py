"""`/metrics` over HTTP: what it shows, and that it answers without the database."""

from __future__ import annotations

from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import workers_repository
from konstruct.kit.counters import Counters
from konstruct.kit.settings import Settings
from konstruct.web import metrics
from tests.operability.conftest import Spare
from tests.operability.serving import Deps, get, served


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.values()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_scrape_adds_up_the_process_the_workers_and_the_queue(spare: Spare) -> None:
    db = await spare.open()
    deps = Deps(db, spare.settings())
    deps.counters.observe("ack_s", 0.003)
    deps.counters.inc("webhooks_total", outcome="accepted")
    for seconds in (0.2, 0.2, 40.0):
        counters = Counters()
        counters.inc("turns_total", 2, outcome="answered")
        counters.inc("deliveries_total", state="sent")
        counters.observe("model_latency_s", seconds, backend="demo")
        async with db.fleet("test") as session:
            await workers_repository.heartbeat(
                session, uuid4(), kind="worker", host="h", pid=1, in_flight=1, counters=counters.snapshot()
            )
    await queue_some(spare)
    async with served(deps) as url:
        status, text = await get(url + "/metrics")
    await db.close()
    found = samples(text)
    assert status == 200
    assert found["konstruct_database_up", ()] == 1
    assert found["konstruct_ack_seconds_count", ()] == 1
    assert found["konstruct_webhooks_total", ("accepted",)] == 1
    assert found["konstruct_turns_total", ("answered",)] == 6
    assert found["konstruct_turns_total", ("fallback",)] == 0
    assert found["konstruct_deliveries_total", ("sent",)] == 3
    assert 30 <= found["konstruct_model_latency_p95_seconds", ()] <= 60
    assert found["konstruct_queue_depth", ("turn",)] == 2
    assert found["konstruct_queue_depth", ("send",)] == 0
    assert found["konstruct_queue_leased", ("send",)] == 1
    assert 89 < found["konstruct_queue_age_seconds", ("turn",)] < 600
    assert found["konstruct_leases_expired", ("send",)] == 1
    assert found["konstruct_table_rows", ("conversations",)] == 2
    assert found["konstruct_unrouted_deliveries", ("slack", "unknown_account")] == 3
    assert found["konstruct_workers_alive", ("worker",)] == 3
    assert found["konstruct_workers_alive", ("beat",)] == 0


async def queue_some(spare: Spare) -> None:
    """Two tenants' conversations: two wait to be answered, one is held past its time; and strangers' deliveries."""
    await spare.admin(
        """
        SET session_replication_role = replica;
        INSERT INTO ready_queue (tenant_id, conversation_id, lane, due_at)
          SELECT gen_random_uuid(), gen_random_uuid(), 'turn', now() - n * interval '45 seconds' FROM generate_series(1, 2) AS n;
        INSERT INTO ready_queue (tenant_id, conversation_id, lane, state, lease_owner, lease_until, lease)
          VALUES (gen_random_uuid(), gen_random_uuid(), 'send', 'leased', gen_random_uuid(), now() - interval '1 minute', '15 s');
        INSERT INTO unrouted_events (kind, account_key, reason, deliveries) VALUES ('slack', 'T9', 'unknown_account', 3);
        INSERT INTO conversations (tenant_id, id, account_id, agent_id, external_key, kind, channel_id, audience, audience_key)
          SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'k', 'direct', 'D1', 'person', 'U1'
          FROM generate_series(1, 2);
        ANALYZE;
        """
    )


async def test_no_tenant_and_no_name_is_in_a_scrape(
    db: Database, settings: Settings, tenants: tuple[TenantScope, TenantScope]
) -> None:
    async with served(Deps(db, settings)) as url:
        _, text = await get(url + "/metrics")
    assert "tenant=" not in text
    assert all(str(scope.tenant_id) not in text for scope in tenants)
    assert "Alpha" not in text


async def test_without_the_database_a_scrape_still_says_what_the_process_knows(spare: Spare) -> None:
    db = await spare.open()
    deps = Deps(db, spare.settings())
    deps.counters.observe("ack_s", 0.003)
    await db.close()
    async with served(deps) as url:
        status, text = await get(url + "/metrics")
    found = samples(text)
    assert status == 200
    assert found["konstruct_database_up", ()] == 0
    assert found["konstruct_ack_seconds_count", ()] == 1


async def test_two_apps_in_one_process_share_nothing() -> None:
    texts = []
    for _ in range(2):
        counters = Counters()
        counters.inc("webhooks_total", outcome="accepted")
        texts.append(metrics.render(counters, None))
    assert len(set(texts)) == 1
