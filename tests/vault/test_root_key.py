from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from pydantic import SecretStr

from konstruct.kit.crypto import key_fingerprint, new_key
from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import Settings
from konstruct.tenants.key_provider import KeyProviderError
from konstruct.tenants.keyring import FileKeyRing, open_key_provider
from konstruct.tenants.private_file import PrivateFile
from konstruct.tenants.root_key import RootFile, parse_root_setting
from tests.vault.conftest import ALPHA, BETA


def encoded(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


def with_setting(path: Path, *keys: bytes) -> FileKeyRing:
    return open_key_provider(Settings(keyring=str(path), root_key=SecretStr(encoded(*keys))))


async def test_a_root_key_in_the_setting_needs_no_file(ring_path: Path) -> None:
    root = new_key()
    made = with_setting(ring_path, root)
    await made.init()
    await made.create(ALPHA)
    assert {path.name for path in ring_path.parent.iterdir()} == {"ring.json", "ring.json.lock"}
    assert await with_setting(ring_path, root).current(ALPHA) == await made.current(ALPHA)


async def test_a_missing_root_key_says_where_it_is_looked_for(ring: FileKeyRing, ring_path: Path) -> None:
    ring_path.with_name("ring.json.root").unlink()
    with pytest.raises(KeyProviderError) as refused:
        await ring.current(ALPHA)
    assert f"set KONSTRUCT_ROOT_KEY or restore {ring_path}.root" in str(refused.value)


async def test_a_wrong_root_key_says_which_is_needed_and_which_are_there(ring_path: Path) -> None:
    right, wrong = new_key(), new_key()
    await with_setting(ring_path, right).init()
    with pytest.raises(KeyProviderError) as refused:
        await with_setting(ring_path, wrong).create(ALPHA)
    said = str(refused.value)
    assert f"needs root key {key_fingerprint(right)} (version 1), but KONSTRUCT_ROOT_KEY holds {key_fingerprint(wrong)}" in said
    assert encoded(wrong) not in said


async def test_another_rings_root_file_is_refused(ring: FileKeyRing, ring_path: Path, tmp_path: Path) -> None:
    other = FileKeyRing(tmp_path / "other.json")
    await other.init()
    (tmp_path / "other.json.root").replace(f"{ring_path}.root")
    with pytest.raises(KeyProviderError, match=r"needs root key .* but .*ring\.json\.root holds .*: restore the right one"):
        await ring.current(ALPHA)


@pytest.mark.parametrize("damage", ["", "[]", '{"format": 1, "keys": []}', '{"format": 1, "keys": ["AAAA"]}', '{"format": 9}'])
async def test_a_damaged_root_file_is_named(ring: FileKeyRing, ring_path: Path, damage: str) -> None:
    ring_path.with_name("ring.json.root").write_text(damage)
    with pytest.raises(KeyProviderError, match=r"the root key file .* is damaged"):
        await ring.current(ALPHA)


@pytest.mark.parametrize(
    "value", ["hunter2", "QUJD", encoded(bytes(range(32)))[:-4], encoded(bytes(31)), encoded(bytes(range(32))) + ",x"]
)
def test_a_wrong_setting_is_named_and_not_repeated(value: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_root_setting(value)
    assert "KONSTRUCT_ROOT_KEY is wrong: key" in str(refused.value)
    assert value not in str(refused.value)


def test_the_url_safe_alphabet_is_understood() -> None:
    key = b"\xfb\xef\xff" * 10 + b"ab"
    assert parse_root_setting(base64.urlsafe_b64encode(key).decode())[0].key == key


async def test_rotation_in_the_file_keeps_every_tenant_key_and_destroys_the_old_root(ring: FileKeyRing, ring_path: Path) -> None:
    open_elsewhere = FileKeyRing(ring_path)
    await ring.rotate(ALPHA)
    before = [await open_elsewhere.get(ALPHA, 1), await open_elsewhere.get(ALPHA, 2), await open_elsewhere.get(BETA, 1)]
    old, _ = RootFile(ring_path).read()
    assert await ring.rotate_root() == 2
    assert await ring.rotate_root() == 3
    new, _ = RootFile(ring_path).read()
    assert len(old) == len(new) == 1
    assert old != new
    for reader in (open_elsewhere, FileKeyRing(ring_path)):
        assert [await reader.get(ALPHA, 1), await reader.get(ALPHA, 2), await reader.get(BETA, 1)] == before


async def test_rotation_in_the_setting_is_online(ring_path: Path) -> None:
    old, new = new_key(), new_key()
    await with_setting(ring_path, old).init()
    key = await _created(with_setting(ring_path, old))
    deployed = with_setting(ring_path, new, old)
    assert (await deployed.current(ALPHA)).key == key, "both roots are there before the rotation"
    assert await deployed.rotate_root() == 2
    assert (await deployed.current(ALPHA)).key == key
    assert (await with_setting(ring_path, new).current(ALPHA)).key == key
    with pytest.raises(KeyProviderError, match="needs root key"):
        await with_setting(ring_path, old).current(ALPHA)


async def test_rotation_without_a_new_key_in_the_setting_says_what_to_do(ring_path: Path) -> None:
    ring = with_setting(ring_path, new_key())
    await ring.init()
    with pytest.raises(SettingsError, match="set it to `new,old` in every process"):
        await ring.rotate_root()


async def test_the_root_moves_from_the_file_to_the_setting(ring: FileKeyRing, ring_path: Path) -> None:
    key, root = await ring.current(ALPHA), new_key()
    deployed = with_setting(ring_path, root)
    assert await deployed.current(ALPHA) == key
    await deployed.rotate_root()
    assert not ring_path.with_name("ring.json.root").exists()
    assert await deployed.current(ALPHA) == key
    with pytest.raises(KeyProviderError, match="set KONSTRUCT_ROOT_KEY"):
        await ring.current(ALPHA)


@pytest.mark.parametrize("writes", [0, 1, 2])
async def test_a_crash_at_any_step_of_a_root_rotation_leaves_a_ring_that_opens(
    ring: FileKeyRing, ring_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    key = await ring.current(ALPHA)
    replace, left = PrivateFile.replace, [None] * writes

    def crash_after(self: PrivateFile, content: bytes) -> None:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        replace(self, content)

    with monkeypatch.context() as crashing:
        crashing.setattr(PrivateFile, "replace", crash_after)
        with pytest.raises(KeyboardInterrupt):
            ring._rotate_root()
    assert await FileKeyRing(ring_path).current(ALPHA) == key
    await FileKeyRing(ring_path).rotate_root()
    assert await ring.current(ALPHA) == key
    assert len(RootFile(ring_path).read()[0]) == 1, "the next rotation clears what the crash left"


async def test_a_reader_between_ring_and_root_reads_again(
    ring: FileKeyRing, ring_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, read, rotations_to_come = await ring.current(ALPHA), RootFile.read, [1]

    def rotated_just_before(self: RootFile) -> object:
        if rotations_to_come:
            rotations_to_come.pop()
            FileKeyRing(ring_path)._rotate_root()
        return read(self)

    monkeypatch.setattr(RootFile, "read", rotated_just_before)
    assert await FileKeyRing(ring_path).current(ALPHA) == key
    assert not rotations_to_come


async def test_readers_never_fail_while_the_root_rotates(ring: FileKeyRing, ring_path: Path) -> None:
    key, done = await ring.current(ALPHA), asyncio.Event()

    async def read() -> int:
        reads, reader = 0, FileKeyRing(ring_path)
        while not done.is_set() or reads == 0:
            assert await reader.current(ALPHA) == key
            reads += 1
            await asyncio.sleep(0)
        return reads

    readers = [asyncio.create_task(read()) for _ in range(3)]
    for _ in range(15):
        await ring.rotate_root()
    done.set()
    assert all(await asyncio.gather(*readers))


async def _created(ring: FileKeyRing) -> bytes:
    await ring.create(ALPHA)
    return (await ring.current(ALPHA)).key
