"""Reading is durable and fenced: a dead worker's file is taken up, a deleted one does not come back, a hostile one ends."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.memory import reading as reading_module
from konstruct.memory import uploads_repository as repository
from konstruct.memory.documents import Documents
from konstruct.memory.extraction.kinds import KINDS, Kind
from konstruct.memory.extraction.limits import DEADLINE_S
from konstruct.memory.extraction.process import OnProgress, extract
from konstruct.memory.extraction.refusal import DAMAGED, Unreadable
from konstruct.memory.reading import MAX_ATTEMPTS, Reading
from tests.memory import files
from tests.memory.conftest import TABLES, Take, info_of, rows_of
from tests.support.house import until

Tenants = tuple[TenantScope, TenantScope]
TEXT, PDF, HTML = KINDS[0], KINDS[2], KINDS[4]
SLOW_PAGE = b"<!--" * 2_500_000
"""Takes its parser longer than the deadline."""


async def ignore(done: int, total: int) -> None:
    """Take note of nothing."""


async def expire(db: Database) -> None:
    await db.fleet_fetch(
        "test",
        "UPDATE document_jobs SET claimed_until = now() - interval '1 second' WHERE claimed_until < now() + interval '1 hour'",
    )


async def test_the_process_gets_nothing_of_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KONSTRUCT_DATABASE_URL", "postgres://secret")
    seen = {}
    start = asyncio.create_subprocess_exec

    async def spy(*args: str, **options: object) -> asyncio.subprocess.Process:
        seen.update(options)
        return await start(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    assert await extract(TEXT, [b"one ", b"two"], ignore) == "one two"
    assert set(seen["env"]) <= {"PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"}  # type: ignore[call-overload]


async def test_a_file_that_takes_too_long_is_given_up_and_leaves_no_process() -> None:
    children = psutil.Process().children
    before = {child.pid for child in children()}
    async with asyncio.timeout(10):
        with pytest.raises(Unreadable, match="too long"):
            await extract(HTML, [SLOW_PAGE], ignore, deadline_s=1.0)
    assert {child.pid for child in children()} == before


@pytest.mark.parametrize(("status", "said"), [("os.kill(os.getpid(), 11)", DAMAGED), ("os._exit(0)", DAMAGED)])
async def test_a_process_that_ends_without_a_word_is_a_damaged_file(
    monkeypatch: pytest.MonkeyPatch, status: str, said: str
) -> None:
    start = asyncio.create_subprocess_exec

    async def crash(program: str, *_: str, **options: object) -> asyncio.subprocess.Process:
        return await start(program, "-c", f"import os; {status}", **options)  # type: ignore[arg-type]

    monkeypatch.setattr(asyncio, "create_subprocess_exec", crash)
    with pytest.raises(Unreadable) as caught:
        await extract(PDF, [b"x" * 1_000_000] * 3, ignore)
    assert str(caught.value) == said


async def test_a_swelling_file_is_held_to_its_memory() -> None:
    with pytest.raises(Unreadable, match="memory"):
        await extract(PDF, [files.swelling_pdf(200)], ignore)


LIMITED = """
import sys
from konstruct.memory.extraction import limits
limits._CPU_S = 1
limits.limit_process()
try:
    held = bytearray(2 << 30)
except MemoryError:
    print("memory")
try:
    with open(sys.argv[1], "wb") as file:
        file.write(b"x")
except OSError:
    print("files")
sys.stdout.flush()
while True:
    pass
"""


async def test_the_process_bounds_itself(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", LIMITED, str(tmp_path / "written"), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.split() == [b"memory", b"files"]
    assert process.returncode in {-signal.SIGXCPU, -signal.SIGKILL}


async def test_progress_is_seen(
    db: Database, tenants: Tenants, take: Take, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = await take(tenants[0], "a.pdf", files.pdf([[(12, "text")]]))
    shown = []

    async def slowly(kind: Kind, parts: Sequence[bytes], on_progress: OnProgress, deadline_s: float) -> str:
        await on_progress(3, 12)
        info = await info_of(db, tenants[0], document_id)
        shown.append((info.status, info.done, info.total))
        return await extract(kind, parts, on_progress, deadline_s)

    monkeypatch.setattr(reading_module, "extract", slowly)
    await reading.read_next()
    assert shown == [("processing", 3, 12)]


@pytest.mark.parametrize("told", [True, False])
async def test_a_document_deleted_while_it_is_read_does_not_come_back(
    db: Database, tenants: Tenants, take: Take, reading: Reading, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    async def meanwhile(kind: Kind, parts: Sequence[bytes], on_progress: OnProgress, deadline_s: float) -> str:
        await Documents(db).remove(tenants[0], document_id)
        if told:
            await on_progress(1, 2)
        return "We open at nine."

    monkeypatch.setattr(reading_module, "extract", meanwhile)
    document_id = await take(tenants[0], "a.txt", b"We open at nine.")
    assert await reading.read_next()
    assert await rows_of(db, tenants[0]) == dict.fromkeys(TABLES, 0)


async def test_a_dead_workers_file_is_taken_up_and_the_dead_one_writes_nothing(
    db: Database, tenants: Tenants, take: Take, reading: Reading
) -> None:
    document_id = await take(tenants[0], "a.txt", b"We open at nine.")
    dead = await repository.claim(db, 60.0)
    assert dead is not None
    assert not await reading.read_next()
    await expire(db)
    alive = await repository.claim(db, 60.0)
    assert alive is not None
    assert (alive.document_id, alive.epoch, alive.attempts) == (document_id, 2, 2)
    async with db.tenant(tenants[0]) as session:
        assert not await repository.end(session, dead)
        assert await repository.end(session, alive)
        await repository.failed(session, alive, "why")
    assert (await info_of(db, tenants[0], document_id)).status == "failed"


async def test_a_file_that_kills_its_workers_is_given_up(db: Database, tenants: Tenants, take: Take, reading: Reading) -> None:
    document_id = await take(tenants[0], "killer.txt", b"We open at nine.")
    for _ in range(MAX_ATTEMPTS):
        assert await repository.claim(db, 60.0)
        await expire(db)
    await reading.read_next()
    info = await info_of(db, tenants[0], document_id)
    assert info.status == "failed"
    assert "“killer.txt” could not be read, though it was tried several times" in str(info.reason)


async def test_a_worker_that_stops_gives_its_file_back(
    db: Database, tenants: Tenants, take: Take, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = await take(tenants[0], "a.html", SLOW_PAGE)
    pids = []
    start = asyncio.create_subprocess_exec

    async def spy(*args: str, **options: object) -> asyncio.subprocess.Process:
        started = await start(*args, **options)  # type: ignore[arg-type]
        pids.append(started.pid)
        return started

    monkeypatch.setattr(asyncio, "create_subprocess_exec", spy)
    running = asyncio.create_task(reading.read_next())
    await until(lambda: pids)
    running.cancel()
    await asyncio.wait([running])
    assert not psutil.pid_exists(pids[0])
    monkeypatch.setattr(reading_module, "extract", _instantly)
    assert await Reading(db).read_next()
    info = await info_of(db, tenants[0], document_id)
    assert info.status == "ready"


async def _instantly(kind: Kind, parts: Sequence[bytes], on_progress: OnProgress, deadline_s: float) -> str:
    return "We open at nine."


async def test_two_workers_read_each_file_once_and_no_business_waits_for_anothers_heap(
    db: Database, tenants: Tenants, take: Take, reading: Reading
) -> None:
    for number in range(4):
        await take(tenants[0], f"{number}.txt", f"text {number}".encode())
    await take(tenants[1], "one.txt", b"text 1")
    claims = [await repository.claim(db, 60.0) for _ in range(3)]
    assert {claim.scope for claim in claims if claim} == set(tenants)
    assert claims[2] is None, "one file of a business at a time"
    await expire(db)
    await asyncio.gather(*(_drain(Reading(db)) for _ in range(2)))
    assert await rows_of(db, tenants[0]) == dict.fromkeys(TABLES, 0) | {"documents": 4, "chunks": 4}
    assert await rows_of(db, tenants[1]) == dict.fromkeys(TABLES, 0) | {"documents": 1, "chunks": 1}


async def _drain(reading: Reading) -> None:
    while await reading.read_next():
        pass


async def test_the_loop_reads_what_comes_and_outlives_an_error(
    db: Database, tenants: Tenants, take: Take, no_earlier_files: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, failures = repository.claim, [OSError("gone"), ValueError("odd")]

    async def sometimes(database: Database, lease_s: float) -> repository.Job | None:
        if failures:
            raise failures.pop()
        return await claim(database, lease_s)

    monkeypatch.setattr(repository, "claim", sometimes)
    running = asyncio.create_task(Reading(db, poll_s=0.01).run())
    document_id = await take(tenants[0], "a.txt", b"We open at nine.")

    async def is_ready() -> bool:
        return (await info_of(db, tenants[0], document_id)).status == "ready"

    await until(is_ready)
    running.cancel()
    await asyncio.wait([running])
    assert failures == []


async def test_a_suspended_business_is_not_read_for(db: Database, tenants: Tenants, take: Take, reading: Reading) -> None:
    await take(tenants[0], "a.txt", b"We open at nine.")
    await db.fleet_fetch("test", "UPDATE tenant_directory SET status = 'suspended' WHERE tenant_id = $1", tenants[0].tenant_id)
    assert not await reading.read_next()


def test_no_reading_outlasts_its_lease() -> None:
    assert DEADLINE_S * 2 < reading_module.LEASE_S
