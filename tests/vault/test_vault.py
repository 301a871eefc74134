from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.crypto import SealBrokenError
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.tenants import secrets_repository
from konstruct.tenants.key_provider import KeyDestroyedError, UnknownKeyError
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.vault import Vault

Scopes = tuple[TenantScope, TenantScope]
TOKEN = "xoxb-canary-4711"
PURPOSE = "slack.bot_token"


async def test_a_secret_comes_back_to_its_own_tenant_only(db: Database, scopes: Scopes, vault: Vault) -> None:
    mine, theirs = scopes
    secret_id = await vault.put(db, mine, PURPOSE, TOKEN)
    assert await vault.reveal(db, mine, secret_id) == TOKEN
    assert await vault.reveal(db, mine, secret_id, purpose=PURPOSE) == TOKEN
    for scope, purpose, wanted in ((theirs, None, secret_id), (mine, "llm.api_key", secret_id), (mine, None, uuid4())):
        with pytest.raises(NotFoundError, match=str(wanted)):
            await vault.reveal(db, scope, wanted, purpose=purpose)


async def test_nothing_of_the_plaintext_is_in_the_row(db: Database, scopes: Scopes, vault: Vault) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, TOKEN)
    async with db.tenant(scopes[0]) as session:
        row = await session.fetchrow("SELECT * FROM secrets WHERE id = $1", secret_id)
    assert row is not None
    assert (row["version"], row["key_version"], row["purpose"]) == (1, 1, PURPOSE)
    stored = b"|".join(value if isinstance(value, bytes) else str(value).encode() for value in row.values())
    assert TOKEN.encode() not in stored
    assert b"canary" not in stored


async def test_a_secret_is_stored_with_the_callers_rows_or_not_at_all(db: Database, scopes: Scopes, vault: Vault) -> None:
    sealed = await vault.seal(scopes[0], PURPOSE, TOKEN)
    with pytest.raises(ZeroDivisionError):
        async with db.tenant(scopes[0]) as session:
            await vault.store(session, sealed)
            raise ZeroDivisionError
    with pytest.raises(NotFoundError):
        await vault.reveal(db, scopes[0], sealed.id)
    async with db.tenant(scopes[0]) as session:
        assert await vault.store(session, sealed) == sealed.id
    assert await vault.reveal(db, scopes[0], sealed.id) == TOKEN


async def test_a_secret_sealed_for_another_tenant_is_not_stored(db: Database, scopes: Scopes, vault: Vault) -> None:
    sealed = await vault.seal(scopes[0], PURPOSE, TOKEN)
    async with db.tenant(scopes[1]) as session:
        with pytest.raises(ConflictError, match="another tenant"):
            await vault.store(session, sealed)
        assert not await session.fetch("SELECT 1 FROM secrets")


@pytest.mark.parametrize("purpose", ["", "Slack", "slack token", "a" * 64, ".x", "1x", "x\n"])
async def test_a_malformed_purpose_is_refused(vault: Vault, scopes: Scopes, purpose: str) -> None:
    with pytest.raises(ValueError, match="a purpose is"):
        await vault.seal(scopes[0], purpose, TOKEN)


async def test_enrolment_comes_first_and_may_be_repeated(vault: Vault) -> None:
    stranger = TenantScope(uuid4())
    with pytest.raises(UnknownKeyError, match=str(stranger.tenant_id)):
        await vault.seal(stranger, PURPOSE, TOKEN)
    assert await vault.enrol(stranger) == await vault.enrol(stranger) == 1
    assert (await vault.seal(stranger, PURPOSE, TOKEN)).key_version == 1


async def test_a_new_value_replaces_the_old_one(db: Database, scopes: Scopes, vault: Vault) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, "old")
    async with db.tenant(scopes[0]) as session:
        old = await secrets_repository.find(session, secret_id)
    assert await vault.replace(db, scopes[0], secret_id, "new") == 2
    assert await vault.reveal(db, scopes[0], secret_id) == "new"
    async with db.tenant(scopes[0]) as session:
        new = await secrets_repository.find(session, secret_id)
        assert old is not None
        assert new is not None
        assert old.wrapped_key != new.wrapped_key
        # The old value put back under the new version's number.
        await session.execute(
            "UPDATE secrets SET wrapped_key = $2, sealed = $3 WHERE id = $1", secret_id, old.wrapped_key, old.sealed
        )
    with pytest.raises(SealBrokenError, match=str(secret_id)):
        await vault.reveal(db, scopes[0], secret_id)
    with pytest.raises(NotFoundError):
        await vault.replace(db, scopes[1], secret_id, "theirs")


async def test_writers_at_once_each_leave_a_whole_version(db: Database, scopes: Scopes, vault: Vault) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, "first")
    versions = await asyncio.gather(*(vault.replace(db, scopes[0], secret_id, f"value {n}") for n in range(6)))
    assert sorted(versions) == [2, 3, 4, 5, 6, 7]
    winner = versions.index(7)
    assert await vault.reveal(db, scopes[0], secret_id) == f"value {winner}"


async def test_columns_swapped_between_rows_do_not_open(db: Database, scopes: Scopes, vault: Vault) -> None:
    first = await vault.put(db, scopes[0], PURPOSE, "one")
    second = await vault.put(db, scopes[0], PURPOSE, "two")
    async with db.tenant(scopes[0]) as session:
        await session.execute(
            "UPDATE secrets AS here SET wrapped_key = there.wrapped_key, sealed = there.sealed FROM secrets AS there"
            " WHERE here.id <> there.id AND here.id = ANY($1) AND there.id = ANY($1)",
            [first, second],
        )
    for secret_id in (first, second):
        with pytest.raises(SealBrokenError):
            await vault.reveal(db, scopes[0], secret_id)


async def test_a_row_copied_to_another_tenant_does_not_open(db: Database, scopes: Scopes, vault: Vault) -> None:
    mine, theirs = scopes
    secret_id = await vault.put(db, mine, PURPOSE, TOKEN)
    async with db.tenant(mine) as session:
        row = await secrets_repository.find(session, secret_id)
    assert row is not None
    async with db.tenant(theirs) as session:
        assert await secrets_repository.insert(session, row)
    with pytest.raises(SealBrokenError):
        await vault.reveal(db, theirs, secret_id)


async def test_a_deleted_secret_is_gone_and_only_for_its_tenant(db: Database, scopes: Scopes, vault: Vault) -> None:
    secret_id = await vault.put(db, scopes[0], PURPOSE, TOKEN)
    async with db.tenant(scopes[1]) as session:
        assert await vault.delete(session, secret_id) is False
    async with db.tenant(scopes[0]) as session:
        assert await vault.delete(session, secret_id) is True
        assert await vault.delete(session, secret_id) is False
    with pytest.raises(NotFoundError):
        await vault.reveal(db, scopes[0], secret_id)


async def test_after_shredding_no_restored_dump_opens(db: Database, scopes: Scopes, vault: Vault, ring_path: Path) -> None:
    mine, theirs = scopes
    secret_id = await vault.put(db, mine, PURPOSE, TOKEN)
    other_id = await vault.put(db, theirs, PURPOSE, "theirs")
    async with db.tenant(mine) as session:
        dumped = await secrets_repository.find(session, secret_id)
        assert dumped is not None
        await vault.delete(session, secret_id)
    running_elsewhere = Vault(FileKeyRing(ring_path))
    assert await running_elsewhere.reveal(db, theirs, other_id) == "theirs"
    await vault.shred(mine)
    async with db.tenant(mine) as session:
        assert await secrets_repository.insert(session, dumped)
    for seen_by in (vault, running_elsewhere, Vault(FileKeyRing(ring_path))):
        with pytest.raises(KeyDestroyedError, match="shredded"):
            await seen_by.reveal(db, mine, secret_id)
        for write in (seen_by.put(db, mine, PURPOSE, TOKEN), seen_by.enrol(mine), seen_by.rotate_tenant_key(db, mine)):
            with pytest.raises(KeyDestroyedError):
                await write
        assert await seen_by.reveal(db, theirs, other_id) == "theirs"


async def test_a_ring_of_before_the_tenant_does_not_open_its_rows(
    db: Database, scopes: Scopes, vault: Vault, ring: FileKeyRing, ring_path: Path
) -> None:
    newcomer, copies = scopes[0], ring_path.with_name("copy.json")
    before = FileKeyRing(copies.with_name("before.json"))
    await before.init()
    await before.create(scopes[1].tenant_id)
    secret_id = await vault.put(db, newcomer, PURPOSE, TOKEN)
    for suffix in ("", ".root"):
        shutil.copy2(f"{before.path}{suffix}", f"{ring.path}{suffix}")
    with pytest.raises(UnknownKeyError):
        await vault.reveal(db, newcomer, secret_id)
    await vault.enrol(newcomer)
    with pytest.raises(SealBrokenError, match="another key ring"):
        await vault.reveal(db, newcomer, secret_id)
