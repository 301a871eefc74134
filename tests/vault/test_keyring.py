from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from konstruct.kit.errors import ConflictError, SettingsError
from konstruct.kit.settings import Settings
from konstruct.tenants.key_provider import KeyDestroyedError, KeyProvider, KeyProviderError, UnknownKeyError
from konstruct.tenants.keyring import FileKeyRing, open_key_provider
from tests.vault.conftest import ALPHA, BETA

IN_ANOTHER_PROCESS = """
import asyncio, pathlib, sys, uuid
from konstruct.tenants.keyring import FileKeyRing
ring = FileKeyRing(pathlib.Path(sys.argv[1]))
async def main():
    for tenant in sys.argv[3:]:
        await getattr(ring, sys.argv[2])(uuid.UUID(tenant))
asyncio.run(main())
"""


async def in_another_process(path: Path, method: str, *tenants: UUID) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", IN_ANOTHER_PROCESS, str(path), method, *map(str, tenants), env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert await process.wait() == 0


async def test_it_is_a_key_provider_with_a_key_of_its_own_per_tenant(ring: FileKeyRing) -> None:
    provider: KeyProvider = ring
    first, second = await provider.current(ALPHA), await provider.current(BETA)
    assert first.version == second.version == 1
    assert len(first.key) == len(second.key) == 32
    assert first.key != second.key
    assert await provider.get(ALPHA, 1) == first
    assert await provider.create(ALPHA) == 1, "creating again changes nothing"
    assert await provider.current(ALPHA) == first


async def test_no_key_stands_in_the_ring_file_in_clear(ring: FileKeyRing, ring_path: Path) -> None:
    root_file = ring_path.with_name("ring.json.root")
    key = (await ring.current(ALPHA)).key
    assert key.hex() not in ring_path.read_text()
    assert json.loads(root_file.read_text())["keys"][0] not in ring_path.read_text()
    assert {path.stat().st_mode & 0o777 for path in (ring_path, root_file)} == {0o600}


async def test_a_new_version_leaves_the_older_one_open_until_it_is_retired(ring: FileKeyRing) -> None:
    old = await ring.current(ALPHA)
    assert await ring.rotate(ALPHA) == 2
    new = await ring.current(ALPHA)
    assert (new.version, await ring.versions(ALPHA)) == (2, (1, 2))
    assert new.key != old.key == (await ring.get(ALPHA, 1)).key
    await ring.retire(ALPHA, 1)
    await ring.retire(ALPHA, 1)
    assert await ring.versions(ALPHA) == (2,)
    with pytest.raises(KeyDestroyedError, match=r"version 1 .* was retired"):
        await ring.get(ALPHA, 1)
    assert await ring.rotate(ALPHA) == 3, "a retired number is not used again"


async def test_only_an_old_version_can_be_retired(ring: FileKeyRing) -> None:
    with pytest.raises(ConflictError, match="rotate before"):
        await ring.retire(ALPHA, 1)
    with pytest.raises(UnknownKeyError):
        await ring.retire(ALPHA, 2)
    assert (await ring.current(ALPHA)).version == 1


async def test_an_unknown_tenant_or_version_is_named(ring: FileKeyRing) -> None:
    stranger = uuid4()
    for use in (ring.current(stranger), ring.get(stranger, 1), ring.rotate(stranger), ring.versions(stranger)):
        with pytest.raises(UnknownKeyError, match=str(stranger)):
            await use
    for version in (0, -1, 2):
        with pytest.raises(UnknownKeyError, match=f"no version {version}"):
            await ring.get(ALPHA, version)


async def test_a_shredded_tenant_has_no_key_and_gets_none(ring: FileKeyRing, ring_path: Path) -> None:
    await ring.rotate(ALPHA)
    other = await ring.current(BETA)
    await ring.shred(ALPHA)
    await ring.shred(ALPHA)
    for use in (ring.current(ALPHA), ring.get(ALPHA, 1), ring.get(ALPHA, 2), ring.rotate(ALPHA), ring.create(ALPHA)):
        with pytest.raises(KeyDestroyedError, match="shredded"):
            await use
    assert json.loads(ring_path.read_text())["tenants"][str(ALPHA)] == {"current": 0, "keys": {}}
    assert await ring.current(BETA) == other


async def test_shredding_a_tenant_that_never_had_a_key_bars_it_too(ring: FileKeyRing) -> None:
    stranger = uuid4()
    await ring.shred(stranger)
    with pytest.raises(KeyDestroyedError):
        await ring.create(stranger)


async def test_what_another_process_does_is_seen_at_once(ring: FileKeyRing, ring_path: Path) -> None:
    old = await ring.current(ALPHA)
    await in_another_process(ring_path, "rotate", ALPHA)
    assert (await ring.current(ALPHA)).version == 2
    assert await ring.get(ALPHA, 1) == old
    await in_another_process(ring_path, "shred", ALPHA)
    for version in (1, 2):
        with pytest.raises(KeyDestroyedError):
            await ring.get(ALPHA, version)


async def test_a_reading_is_kept_while_the_files_stay(ring: FileKeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    await ring.current(ALPHA)
    with monkeypatch.context() as watched:
        watched.setattr(FileKeyRing, "_load", lambda _: pytest.fail("read again without need"))
        await ring.current(BETA)


async def test_writers_at_once_lose_nothing(ring: FileKeyRing, ring_path: Path) -> None:
    strangers = [uuid4() for _ in range(12)]
    others = [FileKeyRing(ring_path) for _ in range(4)]
    await asyncio.gather(
        in_another_process(ring_path, "create", *strangers[:4]),
        in_another_process(ring_path, "rotate", *[ALPHA] * 4),
        *(others[number % 4].create(tenant) for number, tenant in enumerate(strangers[4:])),
        *(other.rotate(ALPHA) for other in others),
    )
    assert {(await ring.current(tenant)).version for tenant in strangers} == {1}
    assert await ring.versions(ALPHA) == tuple(range(1, 10))


async def test_an_old_copy_of_the_ring_does_not_open_once_the_root_was_rotated(ring: FileKeyRing, ring_path: Path) -> None:
    copy = ring_path.with_name("copy.json")
    shutil.copy2(ring_path, copy)
    await ring.shred(ALPHA)
    await ring.rotate_root()
    shutil.copy2(ring_path.with_name("ring.json.root"), copy.with_name("copy.json.root"))
    with pytest.raises(KeyProviderError, match="needs root key"):
        await FileKeyRing(copy).current(ALPHA)


async def test_a_key_moved_to_another_tenant_or_version_in_the_file_does_not_open(ring: FileKeyRing, ring_path: Path) -> None:
    await ring.rotate(ALPHA)
    stored = json.loads(ring_path.read_text())
    alpha, beta = stored["tenants"][str(ALPHA)]["keys"], stored["tenants"][str(BETA)]["keys"]
    alpha["1"], alpha["2"], beta["1"] = beta["1"], alpha["1"], alpha["2"]
    ring_path.write_text(json.dumps(stored))
    for tenant_id, version in ((ALPHA, 1), (ALPHA, 2), (BETA, 1)):
        with pytest.raises(KeyProviderError, match="damaged"):
            await ring.get(tenant_id, version)


async def test_a_ring_is_made_once_and_a_lost_one_is_not_made_anew(ring: FileKeyRing, ring_path: Path) -> None:
    key = await ring.current(ALPHA)
    assert await FileKeyRing(ring_path).init() is False
    assert await ring.current(ALPHA) == key
    ring_path.unlink()
    for use in (ring.current(ALPHA), ring.create(ALPHA), ring.rotate_root()):
        with pytest.raises(KeyProviderError, match=r"there is no key ring .*ring\.json: restore it"):
            await use


@pytest.mark.parametrize("suffix", ["", ".root"])
async def test_a_wide_mode_is_refused_even_while_the_ring_is_open(ring: FileKeyRing, ring_path: Path, suffix: str) -> None:
    await ring.current(ALPHA)
    ring_path.with_name(f"ring.json{suffix}").chmod(0o644)
    with pytest.raises(KeyProviderError, match=r"has mode 0644 and must be its owner's alone: chmod 600"):
        await ring.current(ALPHA)


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", "{}", '{"format": 2}', '{"format": 1, "ring": "r", "root": {}, "tenants": {"x": 1}}', "\ufffd"]
)
async def test_a_damaged_ring_is_named_and_not_overwritten(ring: FileKeyRing, ring_path: Path, damage: str) -> None:
    ring_path.write_text(damage)
    for use in (ring.current(ALPHA), ring.create(uuid4())):
        with pytest.raises(KeyProviderError, match=r"the key ring .*ring\.json is damaged"):
            await use
    assert ring_path.read_text() == damage


@pytest.mark.parametrize("address", ["{}", "file:{}", "file://{}"])
async def test_the_setting_takes_a_path_or_a_file_address(ring: FileKeyRing, ring_path: Path, address: str) -> None:
    provider = open_key_provider(Settings(keyring=address.format(ring_path)))
    assert await provider.current(ALPHA) == await ring.current(ALPHA)


@pytest.mark.parametrize(
    ("keyring", "said"),
    [
        (None, "KONSTRUCT_KEYRING is not set"),
        ("vault:secret/konstruct", "no key provider is called 'vault'"),
        ("file:", "names no file"),
        ("/", "names no file"),
    ],
)
def test_a_wrong_setting_is_named(keyring: str | None, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        open_key_provider(Settings(keyring=keyring))
