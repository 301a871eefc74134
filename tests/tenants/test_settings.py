"""Settings of a business: what is taken, and what retention deletes and leaves."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.ids import uuid7
from konstruct.tenants import settings, settings_repository
from konstruct.tenants.settings import BusinessSettingError, BusinessSettings, clean, time_zones, until_night_s
from konstruct.tenants.settings_retention import Retention
from tests.support.house import House
from tests.support.slack_events import message
from tests.tenants.filled import fill
from tests.tenants.support import change, claim_own, jobs_of, make_due, rows, work_off

Tenants = tuple[TenantScope, TenantScope]


async def store(db: Database, scope: TenantScope, changed: BusinessSettings) -> None:
    async with db.tenant(scope) as session:
        await settings.change(session, changed, uuid7())


def test_what_a_form_may_say() -> None:
    assert clean("  Alpha \n Bikes ", "Europe/Berlin", " 30 ") == BusinessSettings("Alpha Bikes", "Europe/Berlin", 30)
    assert clean("A", "UTC", "").retention_days is None
    assert {"Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"} <= set(time_zones())


@pytest.mark.parametrize(
    ("field", "name", "zone", "retention"),
    [
        ("name", " ", "UTC", ""),
        ("name", "x" * 201, "UTC", ""),
        ("time_zone", "A", "Berlin", ""),
        ("time_zone", "A", "../../etc/passwd", ""),
        ("time_zone", "A", "europe/berlin", ""),
        ("time_zone", "A", "", ""),
        ("retention", "A", "UTC", "0"),
        ("retention", "A", "UTC", "-1"),
        ("retention", "A", "UTC", "3651"),
        ("retention", "A", "UTC", "1e3"),
        ("retention", "A", "UTC", "1_0"),
        ("retention", "A", "UTC", "٣"),
        ("retention", "A", "UTC", "9" * 5000),
    ],
)
def test_what_is_refused_is_named(field: str, name: str, zone: str, retention: str) -> None:
    with pytest.raises(BusinessSettingError) as refused:
        clean(name, zone, retention)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("now", "zone", "hours"),
    [
        (datetime(2026, 1, 1, 0, 0, tzinfo=UTC), "UTC", 3),
        (datetime(2026, 1, 1, 3, 0, tzinfo=UTC), "UTC", 24),
        (datetime(2026, 1, 1, 2, 0, tzinfo=UTC), "America/New_York", 6),
        # The clocks are put forward in this night: it is an hour shorter.
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "Europe/Berlin", 2),
    ],
)
def test_the_night_is_the_business_own(now: datetime, zone: str, hours: float) -> None:
    assert until_night_s(zone, now) == hours * 3600


async def test_settings_are_the_business_own_and_retention_waits_for_the_night(db: Database, tenants: Tenants) -> None:
    await store(db, tenants[0], BusinessSettings("Alpha Rides", "Asia/Tokyo", 30))
    async with db.tenant(tenants[0]) as session:
        assert await settings_repository.read(session) == ("Alpha Rides", "Asia/Tokyo", 30)
    async with db.tenant(tenants[1]) as session:
        assert await settings_repository.read(session) == ("Beta Bakery", "UTC", None)
    assert await jobs_of(db, tenants[0], "retention") == [tenants[0].tenant_id]
    assert await claim_own(db, tenants[0], "retention") == []
    await store(db, tenants[0], BusinessSettings("Alpha Rides", "Asia/Tokyo", None))
    assert await jobs_of(db, tenants[0], "retention") == []


async def test_days_are_the_business_own(db: Database, tenants: Tenants) -> None:
    await store(db, tenants[0], BusinessSettings("Alpha", "Asia/Tokyo", None))
    sql = "SELECT usage_day($1, '2026-03-01 20:00:00+00') AS day"
    days = [row["day"].isoformat() for scope in tenants for row in await rows(db, scope, sql)]
    assert days == ["2026-03-02", "2026-03-01"]


async def test_a_zone_that_the_database_does_not_know_is_refused(db: Database, tenants: Tenants) -> None:
    with pytest.raises(BusinessSettingError) as refused:
        await store(db, tenants[0], BusinessSettings("Alpha", "Europe/Nowhere", None))
    assert refused.value.field == "time_zone"
    known = {row["name"] for row in await rows(db, tenants[0], "SELECT name FROM pg_timezone_names WHERE $1::uuid IS NOT NULL")}
    assert len(set(time_zones()) & known) > 300, "nearly all that are offered are taken"


async def count(db: Database, scope: TenantScope, table: str) -> int:
    (row,) = await rows(db, scope, f"SELECT count(*) AS n FROM {table} WHERE tenant_id = $1")
    return int(row["n"])


KEPT = ("turns", "llm_calls", "usage_days", "usage_conversations", "conversations", "contacts", "documents", "dedupe_keys")
CONTENT = (
    *("messages", "deliveries", "steps", "tool_calls", "summaries", "inbound_events", "dead_letters"),
    *("message_terms", "human_messages", "conversation_notes", "delivery_archive"),
)


async def age(db: Database, scope: TenantScope, days: int) -> None:
    """Let everything said be older."""
    for table, column in (
        ("messages", "created_at"),
        ("conversation_notes", "created_at"),
        ("inbound_events", "received_at"),
        ("turns", "finished_at"),
    ):
        if table == "inbound_events":
            # The app role may not change an event; a copy of another time stands for an old one.
            await change(
                db,
                scope,
                "INSERT INTO inbound_events (tenant_id, received_at, id, account_id, event_key, body)"
                " SELECT tenant_id, received_at - interval '25 h', uuidv7(), account_id, event_key, body"
                " FROM inbound_events WHERE tenant_id = $1",
            )
            continue
        await change(db, scope, f"UPDATE {table} SET {column} = {column} - make_interval(days => {days}) WHERE tenant_id = $1")


async def test_old_content_goes_and_what_counts_stays(still: House) -> None:
    db, (own, other) = still.db, still.scopes
    for number in (0, 1):
        await fill(still, number)
        await age(db, still.scopes[number], 40)
    kept = {table: await count(db, own, table) for table in KEPT}
    foreign = {table: await count(db, other, table) for table in (*KEPT, *CONTENT)}
    events = await count(db, own, "inbound_events")
    await store(db, own, BusinessSettings("Alpha", "UTC", 1))
    await make_due(db, own)
    assert await work_off(db, own, "retention", Retention(db, step=1)) == 1
    left = {table: await count(db, own, table) for table in CONTENT}
    assert left == {table: (events // 2 if table == "inbound_events" else 0) for table in CONTENT}
    assert {table: await count(db, own, table) for table in KEPT} == kept
    assert {table: await count(db, other, table) for table in (*KEPT, *CONTENT)} == foreign
    assert await jobs_of(db, own, "retention") == [own.tenant_id], "and again in the next night"
    assert await claim_own(db, own, "retention") == []


async def test_what_is_young_or_under_way_is_left(still: House) -> None:
    db, own = still.db, still.scopes[0]
    await fill(still, 0)
    young = await count(db, own, "messages")
    await still.deliver(message(still.teams[0], "D2", "U2", "nobody has answered this yet"))
    await change(
        db, own, "UPDATE messages SET created_at = created_at - interval '40 days' WHERE tenant_id = $1 AND state = 'pending'"
    )
    await store(db, own, BusinessSettings("Alpha", "UTC", 30))
    await make_due(db, own)
    await work_off(db, own, "retention", Retention(db))
    assert await count(db, own, "messages") == young + 1
    assert await count(db, own, "steps") > 0 and await count(db, own, "summaries") == 1


async def test_a_business_that_keeps_everything_is_asked_no_more(db: Database, tenants: Tenants) -> None:
    await store(db, tenants[0], BusinessSettings("Alpha", "UTC", 5))
    await change(db, tenants[0], "UPDATE tenants SET retention_days = NULL WHERE tenant_id = $1")
    await make_due(db, tenants[0])
    assert await work_off(db, tenants[0], "retention", Retention(db)) == 1
    assert await jobs_of(db, tenants[0], "retention") == []
