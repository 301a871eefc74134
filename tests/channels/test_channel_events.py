"""What a channel brings besides messages: stored once before it is acknowledged, handled once, in its own tenant."""

from __future__ import annotations

from typing import Any

import pytest

from konstruct.channels.events_handling import ATTEMPTS, EventHandling, Received
from konstruct.channels.events_intake import EventIntake
from konstruct.channels.port_events import KINDS, ChannelEvent, Commanded, Deleted, Opened, restored, stored
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import tenant_jobs
from konstruct.jobs.tenant_jobs import Job
from konstruct.kit.counters import Counters
from tests.support.slack_events import Team

Teams = tuple[Team, Team]
Tenants = tuple[TenantScope, TenantScope]


def command(team: Team, key: str = "slack:A1:Ev1", text: str = "help") -> Commanded:
    return Commanded(
        account_key=team.team_id, app_id=team.app_id, event_key=key, person_id="U1", channel_id="D1", command="/k", text=text
    )


class Rings:
    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


async def jobs_of(db: Database, *scopes: TenantScope) -> list[Job]:
    return [job for job in await tenant_jobs.claim(db, "channel_event", 10_000) if job.scope in scopes]


async def rows(db: Database, scope: TenantScope, table: str) -> int:
    async with db.tenant(scope) as session:
        return int(await session.fetchval(f"SELECT count(*) FROM {table} WHERE tenant_id = $1", scope.tenant_id))


async def test_stored_once_each_in_its_own_tenant(db: Database, tenants: Tenants, teams: Teams) -> None:
    rings = Rings()
    intake = EventIntake(db, ring=rings)
    both = [command(team) for team in teams]
    assert await intake.accept("slack", both, b"{}") == ["stored", "stored"]
    assert await intake.accept("slack", both, b"{}") == ["duplicate", "duplicate"] and rings.count == 1
    assert [await rows(db, scope, "channel_events") for scope in tenants] == [1, 1]
    assert [await rows(db, scope, "inbound_events") for scope in tenants] == [1, 1]

    seen: list[Received] = []

    async def handle(received: Received) -> None:
        seen.append(received)

    counters = Counters()
    handling = EventHandling(db, {Commanded: handle}, counters)
    for job in await jobs_of(db, *tenants):
        assert await handling(job) is None
        assert await handling(job) is None, "a second time it is gone"
    assert {(one.scope, one.event.account_key, one.event.text) for one in seen} == {
        (scope, team.team_id, "help") for scope, team in zip(tenants, teams, strict=True)
    }
    assert len(seen) == 2 and [await rows(db, scope, "channel_events") for scope in tenants] == [0, 0]


async def test_what_has_no_tenant_is_counted(db: Database, teams: Teams) -> None:
    intake = EventIntake(db, ring=lambda: pytest.fail("nothing is to be done"))
    stranger = Commanded(
        account_key="TNOBODY", app_id="A1", event_key="k", person_id="U1", channel_id="D1", command="/k", text=""
    )
    wrong_app = Opened(
        account_key=teams[0].team_id, app_id="AOTHER", event_key="k", person_id="U1", channel_id=None, place="home"
    )
    assert await intake.accept("slack", [stranger, wrong_app], b"{}") == ["unknown_account", "wrong_app"]
    counted = await db.fleet_fetch("test", "SELECT reason FROM unrouted_events WHERE account_key = $1", teams[0].team_id)
    assert [row["reason"] for row in counted] == ["wrong_app"]


async def test_a_failing_handler_is_tried_again_and_given_up(db: Database, tenants: Tenants, teams: Teams) -> None:
    await EventIntake(db, ring=lambda: None).accept("slack", [command(teams[0])], b"{}")
    tried: list[int] = []

    async def fail(received: Received) -> None:
        tried.append(received.attempt)
        raise RuntimeError

    handling = EventHandling(db, {Commanded: fail}, Counters())
    for attempt in range(1, ATTEMPTS + 1):
        (job,) = await jobs_of(db, tenants[0])
        assert job.attempts == attempt
        if attempt < ATTEMPTS:
            with pytest.raises(RuntimeError):
                await handling(job)
            await tenant_jobs.fail(db, job, 0.0)
        else:
            assert await handling(job) is None, "no longer tried"
    assert tried == list(range(1, ATTEMPTS + 1)) and await rows(db, tenants[0], "channel_events") == 0


async def test_what_nobody_handles_or_understands_goes(db: Database, tenants: Tenants, teams: Teams) -> None:
    await EventIntake(db, ring=lambda: None).accept("slack", [command(team) for team in teams], b"{}")
    async with db.tenant(tenants[1]) as session:
        await session.execute("DELETE FROM channel_events WHERE tenant_id = $1", tenants[1].tenant_id)
        await session.execute(
            "INSERT INTO channel_events (tenant_id, id, account_id, kind, content)"
            " SELECT $1, j.subject_id, a.id, 'of tomorrow', '{}'"
            " FROM tenant_jobs j, channel_accounts a WHERE j.tenant_id = $1 AND a.tenant_id = $1 AND j.kind = 'channel_event'",
            tenants[1].tenant_id,
        )
    handling = EventHandling(db, {}, Counters())
    for job in await jobs_of(db, *tenants):
        await handling(job)
    assert [await rows(db, scope, "channel_events") for scope in tenants] == [0, 0]


def test_an_event_is_restored_as_it_was() -> None:
    name: dict[str, Any] = {"account_key": "T1", "app_id": "A1", "event_key": "k"}
    event: ChannelEvent = Deleted(**name, channel_id="C1", external_id="1.0", post_key="slack:T1:C1:1.0")
    kind, values = stored(event)
    assert restored(kind, {**values, "of tomorrow": 1}) == event
    broken: list[tuple[str, dict[str, Any]]] = [("nothing", {}), ("deleted", {})]
    for kind, values in broken:
        with pytest.raises(ValueError, match=r"event|missing"):
            restored(kind, values)
    assert set(KINDS) == {
        *(
            "edited",
            "deleted",
            "opened",
            "looked",
            "met",
            "joined",
            "pressed",
            "submitted",
            "commanded",
            "revoked",
            "reacted",
            "receipt",
            "accountchanged",
            "capacitychanged",
            "templatechanged",
            "readdressed",
            "preferencechanged",
            "called",
            "opted",
        ),
    }
