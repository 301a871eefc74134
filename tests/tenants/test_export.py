"""Exports: everything of a business, nothing of another, nothing that opens anything, and a file that is whole."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import tenant_jobs
from konstruct.kit.errors import NotFoundError
from konstruct.local.postgres import Postgres
from konstruct.tenants import export, export_jobs, export_repository
from konstruct.tenants.export import EXCLUDED, tables_of, write_export
from konstruct.tenants.export_jobs import Exports
from konstruct.tenants.export_repository import Export
from tests.support.house import House
from tests.tenants.filled import canary_of, fill, overview
from tests.tenants.support import add_member, change, claim_own, jobs_of, make_due, rows, work_off

Tenants = tuple[TenantScope, TenantScope]


async def exported(db: Database, scope: TenantScope) -> zipfile.ZipFile:
    data = bytearray()

    async def out(piece: bytes, _: int) -> None:
        data.extend(piece)

    tables, _ = await tables_of(db, scope)
    await write_export(db, scope, tables, out)
    return zipfile.ZipFile(io.BytesIO(bytes(data)))


def lines_of(archive: zipfile.ZipFile, table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in archive.read(f"tables/{table}.jsonl").decode().splitlines()]


async def test_everything_of_one_business_and_nothing_of_the_other(still: House, cluster: Postgres) -> None:
    for number in (0, 1):
        await fill(still, number)
    archive = await exported(still.db, still.scopes[0])
    assert archive.testzip() is None
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    own, other = still.scopes
    canary, foreign_canary = canary_of(own), canary_of(other)
    for foreign in (
        foreign_canary,
        foreign_canary.encode().hex(),
        str(other.tenant_id),
        other.tenant_id.hex,
        still.teams[1].team_id,
    ):
        assert foreign not in whole
    for table in ("messages", "documents", "chunks", "members", "tenants", "steps", "deliveries", "summaries", "tool_calls"):
        assert canary in archive.read(f"tables/{table}.jsonl").decode(), table
    assert canary.encode().hex() in archive.read("tables/inbound_events.jsonl").decode()
    async with overview(cluster) as view:
        counts = await view.counts(own)
    names = {name.removeprefix("tables/").removesuffix(".jsonl") for name in archive.namelist()} - {"manifest.json"}
    assert names == set(counts) - set(EXCLUDED), "every table of the catalogue is in, or left out for a reason"
    assert {name: len(lines_of(archive, name)) for name in names} == {name: counts[name] for name in names}


async def test_the_manifest_tells_what_is_in_it(still: House) -> None:
    await fill(still, 0)
    archive = await exported(still.db, still.scopes[0])
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["tenant_id"] == str(still.scopes[0].tenant_id)
    assert manifest["business"] == f"Alpha Bikes {canary_of(still.scopes[0])}"
    for name, told in manifest["tables"].items():
        content = archive.read(f"tables/{name}.jsonl")
        assert told == {"rows": content.count(b"\n"), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert set(manifest["excluded"]) == set(EXCLUDED)


async def test_nothing_that_opens_anything_is_in_it(still: House, cluster: Postgres) -> None:
    await fill(still, 0)
    archive = await exported(still.db, still.scopes[0])
    whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    for table, column in (("sessions", "token_hash"), ("sign_in_links", "token_hash"), ("secrets", "sealed")):
        for row in await rows(still.db, still.scopes[0], f"SELECT {column} FROM {table} WHERE tenant_id = $1"):
            assert row[0].hex() not in whole
    assert still.teams[0].token not in whole
    # A new table may have such columns too: none leaves, whatever it is called.
    async with overview(cluster) as view:
        columns = await view.connection.fetch(
            "SELECT DISTINCT a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid WHERE c.relkind IN ('r', 'p')"
            " AND c.relnamespace = 'public'::regnamespace AND a.attname ~ '(hash|token|secret|password|sealed|wrapped)'"
        )
    known = {
        "output_tokens",
        "input_tokens",
        "cached_tokens",
        "context_limit_tokens",
        "reply_limit_tokens",
        "first_token_ms",
        "secret_id",
        "refresh_secret_id",
        "pin_secret_id",
        "token_expires_at",
    }
    left = [name for (name,) in columns if not export_repository._WITHHELD.search(name) and name not in known]
    assert left == [], "withhold these columns, or say here that they are harmless"


async def test_pages_of_any_size_hold_each_row_once(db: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch) -> None:
    for scope in tenants:
        await change(
            db,
            scope,
            "INSERT INTO documents (tenant_id, id, title, source, content, sha256)"
            " SELECT $1, gen_random_uuid(), 'T' || n, 's', repeat('x', n * 37 % 5000), sha256(convert_to(n::text, 'UTF8'))"
            " FROM generate_series(1, 2345) AS n",
        )
    monkeypatch.setattr(export, "_PAGE_BYTES", 100_000)
    archive = await exported(db, tenants[0])
    assert sorted(int(line["title"][1:]) for line in lines_of(archive, "documents")) == list(range(1, 2346))
    assert {line["tenant_id"] for line in lines_of(archive, "documents")} == {str(tenants[0].tenant_id)}


async def ask(db: Database, scope: TenantScope) -> UUID:
    member = await add_member(db, scope, "admin")
    async with db.tenant(scope) as session:
        await export_jobs.ask(session, member)
        found = await export_repository.latest(session)
    assert found is not None
    return found.id


async def find(db: Database, scope: TenantScope, export_id: UUID) -> Export:
    async with db.tenant(scope) as session:
        found = await export_repository.find(session, export_id)
    assert found is not None
    return found


async def test_asked_for_twice_made_once_and_downloaded_in_pieces(
    db: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE_BYTES", 500)
    monkeypatch.setattr(export_jobs, "PIECE_BYTES", 500)
    export_id = await ask(db, tenants[0])
    assert await ask(db, tenants[0]) == export_id
    assert await jobs_of(db, tenants[0], "export") == [export_id]
    assert await work_off(db, tenants[0], "export", Exports(db)) == 1
    done = await find(db, tenants[0], export_id)
    assert (done.state, done.percent) == ("done", 100) and done.total == done.progress > 5
    data = b"".join([piece async for piece in export_jobs.read_file(db, tenants[0], done)])
    assert len(data) == done.bytes
    (pieces,) = await rows(db, tenants[0], "SELECT count(*) AS n FROM export_pieces WHERE tenant_id = $1")
    assert pieces["n"] > 3
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None and json.loads(archive.read("manifest.json"))["business"] == "Alpha Bikes"
    async with db.tenant(tenants[1]) as session:
        with pytest.raises(NotFoundError):
            await export_jobs.finished(session, export_id)


async def test_a_worker_that_dies_leaves_nothing_of_its_attempt_in_the_file(
    db: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PIECE_BYTES", 300)
    export_id = await ask(db, tenants[0])
    (first,) = await claim_own(db, tenants[0], "export")
    real = export_repository.add_pieces

    async def dying(*args: Any) -> None:
        await real(*args)
        raise RuntimeError("killed")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(export_repository, "add_pieces", dying)
        await Exports(db)(first)
    assert (await find(db, tenants[0], export_id)).state == "running"
    await make_due(db, tenants[0])
    await work_off(db, tenants[0], "export", Exports(db))
    # The dead one wakes up: its piece is not the file's.
    async with db.tenant(tenants[0]) as session:
        await real(session, export_id, first.epoch, 90, [b"late"], 1)
    done = await find(db, tenants[0], export_id)
    data = b"".join([piece async for piece in export_jobs.read_file(db, tenants[0], done)])
    assert len(data) == done.bytes and zipfile.ZipFile(io.BytesIO(data)).testzip() is None


async def test_it_is_given_up_after_some_attempts_and_may_be_asked_for_again(
    db: Database, tenants: Tenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id = await ask(db, tenants[0])

    async def broken(*_: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(export_jobs, "write_export", broken)
        for _ in range(export_jobs.ATTEMPTS_MAX):
            await make_due(db, tenants[0])
            (job,) = await claim_own(db, tenants[0], "export")
            with pytest.raises(RuntimeError):
                await Exports(db)(job)
        await make_due(db, tenants[0])
        await work_off(db, tenants[0], "export", Exports(db))
    failed = await find(db, tenants[0], export_id)
    assert (failed.state, failed.reason) == ("failed", "it could not be finished")
    assert await jobs_of(db, tenants[0], "export") == []
    assert await ask(db, tenants[0]) != export_id


async def test_a_file_goes_after_seven_days_or_with_the_next(db: Database, tenants: Tenants) -> None:
    first = await ask(db, tenants[0])
    await work_off(db, tenants[0], "export", Exports(db))
    assert await jobs_of(db, tenants[0], "export") == [first], "it is to be deleted in seven days"
    assert await work_off(db, tenants[0], "export", Exports(db)) == 0
    second = await ask(db, tenants[0])
    assert second != first
    await work_off(db, tenants[0], "export", Exports(db))
    assert [(await find(db, tenants[0], e)).state for e in (first, second)] == ["expired", "done"]
    await change(db, tenants[0], "UPDATE exports SET expires_at = now() WHERE tenant_id = $1")
    await make_due(db, tenants[0])
    await work_off(db, tenants[0], "export", Exports(db))
    assert (await find(db, tenants[0], second)).state == "expired"
    assert await rows(db, tenants[0], "SELECT 1 FROM export_pieces WHERE tenant_id = $1") == []
    assert await jobs_of(db, tenants[0], "export") == []
    assert await tenant_jobs.claim(db, "export", 0) == []


def test_what_is_left_out_exists_and_says_why() -> None:
    assert all(reason and reason[0].islower() for reason in EXCLUDED.values())
