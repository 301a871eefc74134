"""Work without a tenant, or with a forged one, has no effect: on the broker, in the tables of jobs, at the handlers."""

from __future__ import annotations

import base64
import json
import os
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio as plain_redis

from konstruct.db.database import Database
from konstruct.db.redis import Redis
from konstruct.db.scope import TenantScope
from konstruct.jobs import queue, tenant_jobs
from konstruct.jobs.broker import COUNT, PRUNE, QUEUE, WAKE, create_celery
from konstruct.jobs.queue import LANES, Claim
from konstruct.jobs.tenant_jobs import Job, JobKind
from konstruct.kit.errors import ConflictError, LeaseLostError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import PREFIX, Settings
from konstruct.local.postgres import Postgres
from konstruct.memory import uploads_repository
from konstruct.tenants.erase import Erasing
from konstruct.tenants.export_jobs import Exports
from konstruct.tenants.notices_mailing import NoticeMails
from konstruct.tenants.service import set_status
from konstruct.tenants.settings_retention import Retention
from konstruct.tenants.vault import Vault
from tests.isolation.untouched import Untouched, differences, fall_asleep
from tests.support.house import House, open_house, until
from tests.support.processes import environment, running
from tests.support.puppet import Puppet
from tests.support.queueing import bump
from tests.support.slack_events import message
from tests.tenants.filled import fill, overview
from tests.tenants.support import Letterbox, rows

Tenants = tuple[TenantScope, TenantScope]
PREFIXED = f"k1:{{platform}}:celery:{QUEUE}"
"""The list on the broker from which workers take their messages."""


@pytest.fixture
async def still(settings: Settings, db: Database, house_vault: Vault, tenants: Tenants) -> AsyncIterator[House]:
    """The whole house, without an engine."""
    quick = settings.model_copy(update={"burst_s": 0.0})
    async with open_house(quick, db, house_vault, tenants, Puppet(), run_engine=False) as opened:
        yield opened


async def _both(still: House) -> None:
    for number, scope in enumerate(still.scopes):
        await fill(still, number)
        await fall_asleep(still, scope)


class _Exploit:
    """What runs wherever its pickle is opened."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self._path}",)


def _raw(name: str, body: bytes, content_type: str, encoding: str, **headers: Any) -> bytes:
    """Return a message as kombu puts it on Redis."""
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": encoding,
            "content-type": content_type,
            "headers": {"lang": "py", "task": name, "id": str(uuid7()), "root_id": str(uuid7()), **headers},
            "properties": {
                "correlation_id": str(uuid7()),
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": QUEUE},
                "priority": 0,
                "body_encoding": "base64",
                "delivery_tag": str(uuid7()),
            },
        }
    ).encode()


async def _forge(settings: Settings, scopes: Tenants, trap: Path) -> int:
    """Put messages on the broker that nobody of ours would; return how many."""
    own, other = (str(scope.tenant_id) for scope in scopes)
    app = create_celery(settings)
    calls: list[tuple[str, list[Any], dict[str, Any], dict[str, Any]]] = [
        ("konstruct.erase", [own], {}, {}),
        ("konstruct.tenants.erase.begin", [own], {"confirmation": "Alpha Bikes"}, {}),
        ("celery.backend_cleanup", [], {}, {}),
        ("os.system", [f"touch {trap}"], {}, {}),
        *((name, [own], {}, {}) for name in (WAKE, PRUNE, COUNT)),
        *((name, [], {"tenant_id": other}, {}) for name in (WAKE, PRUNE, COUNT)),
        *((name, [own, other], {"scope": other}, {"tenant_id": own, "konstruct_tenant": own}) for name in (WAKE, PRUNE, COUNT)),
    ]
    for name, args, kwargs, headers in calls:
        app.send_task(name, args=args, kwargs=kwargs, headers=headers, queue=QUEUE, retry=False)
    app.close()
    exploit = base64.b64encode(pickle.dumps(_Exploit(trap)))
    evil = [
        _raw(WAKE, pickle.dumps(((own,), {}, {"x": _Exploit(trap)})), "application/x-python-serialize", "binary"),
        _raw(WAKE, exploit, "application/x-python-serialize", "base64"),
        _raw(WAKE, b"- !!python/object/apply:os.system ['touch x']", "application/x-yaml", "utf-8"),
        _raw(WAKE, b"{", "application/json", "utf-8"),
        _raw(WAKE, json.dumps([[own], {}, {}]).encode(), "application/json", "utf-8", eta="never", expires="x"),
        *(_raw(WAKE, body, "application/json", "utf-8", argsrepr=own) for body in (b"[]", b"[1, 2, 3]", b'{"a": 1}', b"null")),
        _raw(WAKE, b"[[], {}, 5]", "application/json", "utf-8"),
        _raw(WAKE, b'[[], "x", {}]', "application/json", "utf-8", id=None),
        b'{"body": "W1tdLCB7fSwge31d", "headers": null, "properties": {"delivery_tag": "1", "delivery_info": {}}}',
        _raw("", json.dumps([[], {}, {}]).encode(), "application/json", "utf-8"),
    ]
    assert settings.broker_url
    client = plain_redis.Redis.from_url(settings.broker_url.get_secret_value())
    for raw in evil:
        await client.lpush(PREFIXED, raw)
    await client.aclose()
    return len(calls) + len(evil)


async def test_no_message_on_the_broker_names_a_tenant_or_runs_anything(
    still: House, cluster: Postgres, settings: Settings, tmp_path: Path
) -> None:
    await _both(still)
    trap = tmp_path / "trapped"
    values = still.settings.model_dump(exclude_none=True, exclude_defaults=True)
    plain = {name.upper(): getattr(value, "get_secret_value", lambda v=value: v)() for name, value in values.items()}
    plain |= {"LLM_BACKEND": "scripted", "LOG_LEVEL": "INFO"}
    env = environment({name: str(value) for name, value in plain.items()})
    assert all(not name.startswith(PREFIX) or value for name, value in env.items())
    async with overview(cluster) as view, running(env, "worker", tmp_path / "worker.log", "worker_ready") as worker:
        looks = [Untouched(view, still.settings, scope) for scope in still.scopes]
        before = [await look.take() for look in looks]
        await _forge(settings, still.scopes, trap)
        await until(lambda: worker.returncode is not None or _taken(settings), 60)
        # The worker that took all that is alive, and does the next honest thing.
        assert worker.returncode is None, "a message ended the worker"
        assert [differences(was, await look.take()) for was, look in zip(before, looks, strict=True)] == [[], []]
        assert not trap.exists()
        await still.deliver(message(still.teams[0], "D2", "U1", "are you there?"))
        await until(lambda: len(still.texts(still.teams[0])) == 2, 60)
        assert differences(before[1], await looks[1].take()) == []
    assert not trap.exists()


async def _taken(settings: Settings) -> bool:
    assert settings.broker_url
    client = plain_redis.Redis.from_url(settings.broker_url.get_secret_value())
    try:
        return not await client.llen(PREFIXED)
    finally:
        await client.aclose()


async def test_a_claim_for_whom_it_is_not_does_nothing(still: House, cluster: Postgres) -> None:
    """The engine's handlers: no lease, no tenant, another tenant's conversation, a forged epoch."""
    await _both(still)
    own, other = still.scopes
    foreign = [row["id"] for row in await rows(still.db, own, "SELECT id FROM conversations WHERE tenant_id = $1")]
    mine = [row["id"] for row in await rows(still.db, other, "SELECT id FROM conversations WHERE tenant_id = $1")]
    await bump(still.db, other, mine[0])
    (held,) = await queue.claim(still.db, "turn", uuid7(), 10, 60.0)
    async with overview(cluster) as view:
        look = Untouched(view, still.settings, own)
        before = await look.take()
        for lane in LANES:
            for scope, conversation, epoch in (
                (TenantScope(uuid7()), foreign[0], held.epoch),
                (TenantScope(uuid7()), uuid7(), 1),
                (other, foreign[0], held.epoch),
                (own, mine[0], held.epoch),
                (own, foreign[0], held.epoch),
                (other, mine[0], held.epoch + 1),
            ):
                handler: Callable[[Claim], Awaitable[None]] = still.turns if lane == "turn" else still.sends
                refused = False
                try:
                    await handler(Claim(scope, conversation, lane, epoch, 1))
                except LeaseLostError:
                    refused = True
                assert refused, (lane, scope, conversation)
        assert await queue.renew(still.db, uuid7(), "turn", [Claim(own, mine[0], "turn", held.epoch, 1)]) == set()
        assert differences(before, await look.take()) == []
    assert still.texts(still.teams[0]) == still.texts(still.teams[0])[:1]


async def test_nothing_is_claimed_of_a_tenant_that_is_not_active(still: House, redis: Redis, house_vault: Vault) -> None:
    own, other = still.scopes
    for team in still.teams:
        await still.deliver(message(team, "D1", "U1", "hello"))
    for scope in still.scopes:
        async with still.db.tenant(scope) as session:
            await tenant_jobs.ask(session, scope, "retention", scope.tenant_id)
            await tenant_jobs.ask(session, scope, "erase", scope.tenant_id)
    for status in ("suspended", "erasing"):
        await still.db.fleet_fetch("test", "UPDATE tenant_directory SET status = $2 WHERE tenant_id = $1", own.tenant_id, status)
        claimed = await queue.claim(still.db, "turn", uuid7(), 100, 0.001)
        assert own not in {claim.scope for claim in claimed}, status
        kinds: tuple[JobKind, ...] = ("retention", "erase")
        jobs = {kind: await tenant_jobs.claim(still.db, kind, 10_000, 0.001) for kind in kinds}
        assert own not in {job.scope for job in jobs["retention"]}, status
        assert (own in {job.scope for job in jobs["erase"]}) is (status == "erasing"), status
        assert other not in {job.scope for job in jobs["erase"]}, "asked for behind everybody's back, it is never done"
    # Whoever runs the job all the same is refused, and nothing is destroyed.
    erasing = Erasing(still.db, redis, house_vault)
    await set_status(still.db, other.tenant_id, "suspended")
    for status in ("suspended", "active"):
        await set_status(still.db, other.tenant_id, status)  # type: ignore[arg-type]
        with pytest.raises(ConflictError):
            await erasing(Job(other, "erase", other.tenant_id, 1, 1, 1))
    assert (await house_vault.seal(other, "slack.token", "still there")).tenant_id == other.tenant_id


FORGED_ROWS: tuple[tuple[str, str], ...] = (
    ("INSERT INTO ready_queue (tenant_id, conversation_id, lane) VALUES ($1, $3, 'turn')", "own tenant, foreign conversation"),
    ("INSERT INTO ready_queue (tenant_id, conversation_id, lane) VALUES ($2, $3, 'turn')", "foreign tenant"),
    ("INSERT INTO document_jobs (tenant_id, document_id) VALUES ($1, $4)", "own tenant, foreign document"),
    ("INSERT INTO document_jobs (tenant_id, document_id) VALUES ($2, $4)", "foreign tenant"),
    ("INSERT INTO tenant_jobs (tenant_id, kind, subject_id) VALUES ($2, 'export', $5)", "foreign tenant"),
    ("INSERT INTO tenant_jobs (tenant_id, kind, subject_id) VALUES ($2, 'erase', $2)", "foreign tenant"),
    ("INSERT INTO tenant_jobs (tenant_id, kind, subject_id) VALUES ($1, 'a kind of no job', $1)", "no kind"),
    ("INSERT INTO search_progress (tenant_id) VALUES ($2)", "foreign tenant"),
    ("UPDATE ready_queue SET state = 'ready', due_at = now() WHERE tenant_id = $2", "foreign rows"),
    ("UPDATE tenant_jobs SET due_at = now() WHERE tenant_id = $2", "foreign rows"),
    ("UPDATE tenant_jobs SET tenant_id = $2 WHERE tenant_id = $1", "rows given away"),
    ("UPDATE document_jobs SET claimed_until = NULL WHERE tenant_id <> $1", "foreign rows"),
    ("DELETE FROM tenant_jobs WHERE tenant_id <> $1", "foreign rows"),
    ("UPDATE tenant_directory SET status = 'erasing' WHERE tenant_id = $2", "the directory"),
    ("UPDATE fair_shares SET virtual_time = 1e9 WHERE tenant_id = $2", "another one's share"),
)
_REFUSED = (asyncpg.InsufficientPrivilegeError, asyncpg.IntegrityConstraintViolationError)


async def test_no_row_can_be_forged_that_makes_somebody_work_on_another_tenant(still: House, cluster: Postgres) -> None:
    await _both(still)
    own, other = still.scopes
    (found,) = await rows(
        still.db,
        own,
        "SELECT (SELECT id FROM conversations LIMIT 1) AS c, (SELECT id FROM documents LIMIT 1) AS d, id AS e FROM exports"
        " WHERE tenant_id = $1",
    )
    async with overview(cluster) as view:
        look = Untouched(view, still.settings, own)
        before = await look.take()
        for statement, what in FORGED_ROWS:
            values = [other.tenant_id, own.tenant_id, found["c"], found["d"], found["e"]]
            # Every statement names all five, so that each is one and the same call.
            asked = f"WITH v AS (SELECT $1::uuid, $2::uuid, $3::uuid, $4::uuid, $5::uuid) {statement}"
            touched = 0
            try:
                async with still.db.tenant(other) as session:
                    touched = await session.execute(asked, *values)
            except _REFUSED:
                pass
            assert touched == 0, f"{what}: {statement}"
        assert differences(before, await look.take()) == []


async def test_a_job_whose_subject_is_another_tenants_does_nothing(
    still: House, cluster: Postgres, redis: Redis, house_vault: Vault
) -> None:
    await _both(still)
    own, other = still.scopes
    subjects: dict[JobKind, str] = {"export": "exports", "notice_mail": "notices"}
    letterbox = Letterbox()
    work: dict[JobKind, Callable[[Job], Awaitable[float | None]]] = {
        "export": Exports(still.db),
        "notice_mail": NoticeMails(still.db, letterbox, "https://konstruct.example"),
        "retention": Retention(still.db),
    }
    async with overview(cluster) as view:
        look = Untouched(view, still.settings, own)
        before = await look.take()
        for kind, handler in work.items():
            subject = own.tenant_id
            if kind in subjects:
                (row,) = await rows(still.db, own, f"SELECT id FROM {subjects[kind]} WHERE tenant_id = $1 LIMIT 1")
                subject = row["id"]
            async with still.db.tenant(other) as session:
                await tenant_jobs.ask(session, other, kind, subject)
            taken = [job for job in await tenant_jobs.claim(still.db, kind, 10_000) if job.subject_id == subject]
            assert [job.scope for job in taken] == [other]
            assert await handler(taken[0]) is None
            assert differences(before, await look.take()) == [], kind
        assert letterbox.mails == []
        (document,) = await rows(still.db, own, "SELECT id FROM documents WHERE tenant_id = $1")
        forged = uploads_repository.Job(other, document["id"], 1, 1)
        async with still.db.tenant(other) as session:
            assert await uploads_repository.upload_of(session, document["id"]) is None
            assert not await uploads_repository.end(session, forged)
            assert await uploads_repository.claim_one(session, document["id"], 60) is None
        assert differences(before, await look.take()) == []
