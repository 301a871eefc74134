from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.crypto import SealBrokenError
from konstruct.tenants import key_rotation, secrets_repository
from konstruct.tenants.key_provider import KeyDestroyedError, TenantKey, UnknownKeyError
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.secrets_repository import SealedSecret
from konstruct.tenants.vault import KeyRotatedError, Vault

Scopes = tuple[TenantScope, TenantScope]
PURPOSE = "slack.bot_token"


async def key_versions(db: Database, scope: TenantScope) -> set[int]:
    async with db.tenant(scope) as session:
        return {row["key_version"] for row in await session.fetch("SELECT key_version FROM secrets")}


async def test_rotation_moves_every_row_and_destroys_the_old_key(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, ring_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 3)
    mine, theirs = scopes
    stored = {await vault.put(db, mine, PURPOSE, f"value {n}"): f"value {n}" for n in range(8)}
    other = await vault.put(db, theirs, PURPOSE, "theirs")
    running_elsewhere = Vault(FileKeyRing(ring_path))
    for version in (2, 3):
        assert await vault.rotate_tenant_key(db, mine) == version
        assert await key_versions(db, mine) == {version}
        assert await ring.versions(mine.tenant_id) == (version,)
        for reader in (vault, running_elsewhere):
            assert {secret_id: await reader.reveal(db, mine, secret_id) for secret_id in stored} == stored
    assert await key_versions(db, theirs) == {1}
    assert await running_elsewhere.reveal(db, theirs, other) == "theirs"


async def test_a_tenant_without_secrets_rotates_too(db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing) -> None:
    assert await vault.rotate_tenant_key(db, scopes[0]) == 2
    assert await ring.versions(scopes[0].tenant_id) == (2,)
    fence = secrets_repository.FENCE_ID
    assert await vault.reveal(db, scopes[0], fence, purpose=secrets_repository.FENCE_PURPOSE) == ""


async def test_a_secret_sealed_before_a_rotation_is_refused_after_it(db: Database, scopes: Scopes, vault: Vault) -> None:
    outdated = await vault.seal(scopes[0], PURPOSE, "value")
    await vault.rotate_tenant_key(db, scopes[0])
    with pytest.raises(KeyRotatedError):
        async with db.tenant(scopes[0]) as session:
            await vault.store(session, outdated)
    assert await key_versions(db, scopes[0]) == {2}


async def test_put_and_replace_seal_again_when_a_rotation_overtakes_them(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope, current, rotations_to_come = scopes[0], ring.current, [1]
    secret_id = await vault.put(db, scope, PURPOSE, "first")

    async def overtaken(tenant_id: UUID) -> TenantKey:
        key = await current(tenant_id)
        if rotations_to_come:
            rotations_to_come.pop()
            await Vault(FileKeyRing(ring.path)).rotate_tenant_key(db, scope)
        return key

    monkeypatch.setattr(ring, "current", overtaken)
    another = await vault.put(db, scope, PURPOSE, "second")
    rotations_to_come.append(1)
    assert await vault.replace(db, scope, secret_id, "third") == 2
    assert [await vault.reveal(db, scope, wanted) for wanted in (secret_id, another)] == ["third", "second"]
    assert await key_versions(db, scope) == {3}


async def test_a_rotation_waits_for_a_writer_that_has_not_committed(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing
) -> None:
    sealed = await vault.seal(scopes[0], PURPOSE, "in flight")
    async with db.tenant(scopes[0]) as session:
        await vault.store(session, sealed)
        rotation = asyncio.create_task(vault.rotate_tenant_key(db, scopes[0]))
        async with db.unscoped() as watcher:
            while not await watcher.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert not rotation.done()
                await asyncio.sleep(0.01)
        assert await ring.versions(scopes[0].tenant_id) == (1, 2), "the old version lives while a row under it may appear"
    assert await rotation == 2
    assert await key_versions(db, scopes[0]) == {2}
    assert await vault.reveal(db, scopes[0], sealed.id) == "in flight"


async def test_a_reader_that_a_rotation_overtakes_reads_again(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, "value")
    get, rotations_to_come = ring.get, [1, 1]

    async def overtaken(tenant_id: UUID, version: int) -> TenantKey:
        if rotations_to_come:
            rotations_to_come.pop()
            await Vault(FileKeyRing(ring.path)).rotate_tenant_key(db, scopes[0])
        return await get(tenant_id, version)

    monkeypatch.setattr(ring, "get", overtaken)
    assert await vault.reveal(db, scopes[0], secret_id) == "value"
    assert not rotations_to_come


async def test_rewrapping_leaves_alone_what_changed_since_it_was_read(db: Database, scopes: Scopes, vault: Vault) -> None:
    scope = scopes[0]
    kept, replaced = await vault.put(db, scope, PURPOSE, "kept"), await vault.put(db, scope, PURPOSE, "old")
    async with db.tenant(scope) as session:
        read = await secrets_repository.page(session, below_key_version=9, after=None, limit=9)
    await vault.replace(db, scope, replaced, "new")
    async with db.tenant(scope) as session:
        await secrets_repository.rewrap(session, [(secret, b"rewrapped") for secret in read], 9)
        rows = {row["id"]: row["key_version"] for row in await session.fetch("SELECT id, key_version FROM secrets")}
        await secrets_repository.rewrap(session, [(secret, b"again") for secret in read], 10)
        assert await session.fetchval("SELECT wrapped_key FROM secrets WHERE id = $1", kept) == b"rewrapped"
    assert (rows[kept], rows[replaced]) == (9, 1)
    assert await vault.reveal(db, scope, replaced) == "new"


async def test_rewrapping_to_an_overtaken_version_changes_nothing(db: Database, scopes: Scopes, vault: Vault) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, "value")
    async with db.tenant(scopes[0]) as session:
        read = await secrets_repository.page(session, below_key_version=9, after=None, limit=9)
    await vault.rotate_tenant_key(db, scopes[0])
    await vault.rotate_tenant_key(db, scopes[0])
    async with db.tenant(scopes[0]) as session:
        await session.execute(
            "UPDATE secrets SET key_version = 1, wrapped_key = $1 WHERE id = $2", read[0].wrapped_key, secret_id
        )
        await secrets_repository.rewrap(session, [(secret, b"rewrapped") for secret in read], 2)
        assert await session.fetchval("SELECT key_version FROM secrets WHERE id = $1", secret_id) == 1


async def test_readers_and_writers_go_on_while_the_key_rotates(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    scope, done = scopes[0], asyncio.Event()
    kept = [await vault.put(db, scope, PURPOSE, "kept") for _ in range(6)]
    written: dict[UUID, str] = {}

    async def write() -> None:
        worker = Vault(FileKeyRing(ring.path))
        while not done.is_set() or not written:
            secret_id = await worker.put(db, scope, PURPOSE, "0")
            await worker.replace(db, scope, secret_id, "1")
            written[secret_id] = "1"

    async def read() -> None:
        worker = Vault(FileKeyRing(ring.path))
        while not done.is_set():
            assert {await worker.reveal(db, scope, secret_id) for secret_id in kept} == {"kept"}

    others = [asyncio.create_task(work()) for work in (write, write, read, read)]
    for _ in range(8):
        await vault.rotate_tenant_key(db, scope)
    done.set()
    await asyncio.gather(*others)
    assert {secret_id: await vault.reveal(db, scope, secret_id) for secret_id in written} == written


async def test_two_rotations_at_once_leave_one_key_that_opens_all(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    stored = [await vault.put(db, scopes[0], PURPOSE, f"value {n}") for n in range(9)]
    others = [Vault(FileKeyRing(ring.path)) for _ in range(3)]
    assert max(await asyncio.gather(*(other.rotate_tenant_key(db, scopes[0]) for other in others))) == 4
    assert await key_versions(db, scopes[0]) == {4}
    assert await ring.versions(scopes[0].tenant_id) == (4,)
    assert [await vault.reveal(db, scopes[0], secret_id) for secret_id in stored] == [f"value {n}" for n in range(9)]


async def test_a_rotation_that_crashed_is_finished_by_the_next(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_rotation, "BATCH", 2)
    stored = [await vault.put(db, scopes[0], PURPOSE, f"value {n}") for n in range(5)]
    rewrap, batches_to_come = secrets_repository.rewrap, [1]

    async def crash(session: TenantSession, secrets: Sequence[tuple[SealedSecret, bytes]], key_version: int) -> None:
        if not batches_to_come:
            raise ConnectionError
        batches_to_come.pop()
        await rewrap(session, secrets, key_version)

    with monkeypatch.context() as crashing:
        crashing.setattr(secrets_repository, "rewrap", crash)
        with pytest.raises(ConnectionError):
            await vault.rotate_tenant_key(db, scopes[0])
    assert await key_versions(db, scopes[0]) == {1, 2}
    assert [await vault.reveal(db, scopes[0], secret_id) for secret_id in stored] == [f"value {n}" for n in range(5)]
    assert await vault.rotate_tenant_key(db, scopes[0]) == 3
    assert await key_versions(db, scopes[0]) == {3}
    assert await ring.versions(scopes[0].tenant_id) == (3,)


async def test_a_row_that_does_not_open_is_named_and_keeps_the_old_key(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing
) -> None:
    whole = await vault.put(db, scopes[0], PURPOSE, "whole")
    damaged = await vault.put(db, scopes[0], PURPOSE, "damaged")
    async with db.tenant(scopes[0]) as session:
        await session.execute("UPDATE secrets SET wrapped_key = 'x' WHERE id = $1", damaged)
    with pytest.raises(SealBrokenError, match=f"stay behind key version 2: {damaged}; no older version was destroyed"):
        await vault.rotate_tenant_key(db, scopes[0])
    assert await ring.versions(scopes[0].tenant_id) == (1, 2)
    assert await vault.reveal(db, scopes[0], whole) == "whole"
    async with db.tenant(scopes[0]) as session:
        await vault.delete(session, damaged)
    assert await vault.rotate_tenant_key(db, scopes[0]) == 3
    assert await ring.versions(scopes[0].tenant_id) == (3,)


async def test_a_dump_of_before_a_rotation_does_not_open(db: Database, scopes: Scopes, vault: Vault) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, "value")
    async with db.tenant(scopes[0]) as session:
        dumped = await secrets_repository.find(session, secret_id)
    assert dumped is not None
    await vault.rotate_tenant_key(db, scopes[0])
    async with db.tenant(scopes[0]) as session:
        await session.execute("UPDATE secrets SET wrapped_key = $2, key_version = 1 WHERE id = $1", secret_id, dumped.wrapped_key)
    with pytest.raises(KeyDestroyedError, match=r"version 1 .* was retired"):
        await vault.reveal(db, scopes[0], secret_id)


async def test_an_older_copy_of_the_ring_is_noticed(db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing) -> None:
    copy = ring.path.with_name("copy.json")
    shutil.copy2(ring.path, copy)
    await vault.rotate_tenant_key(db, scopes[0])
    await vault.rotate_tenant_key(db, scopes[0])
    copy.replace(ring.path)
    with pytest.raises(UnknownKeyError, match="no version 3"):
        await vault.rotate_tenant_key(db, scopes[0])
    with pytest.raises(KeyRotatedError, match="the key ring is older than the database"):
        await vault.put(db, scopes[0], PURPOSE, "value")
