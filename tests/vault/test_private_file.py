from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from konstruct.tenants import private_file
from konstruct.tenants.key_provider import KeyProviderError
from konstruct.tenants.private_file import PrivateFile


@pytest.fixture
def file(tmp_path: Path) -> PrivateFile:
    return PrivateFile(tmp_path / "secret", "the secret file")


def content(file: PrivateFile) -> bytes | None:
    found = file.read()
    return found[0] if found else None


def test_it_is_made_for_its_owner_alone_whatever_the_umask(file: PrivateFile) -> None:
    before = os.umask(0)
    try:
        file.replace(b"one")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert content(file) == b"one"
    assert [path.name for path in file.path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620, 0o601, 0o777])
def test_a_wider_mode_is_refused_in_one_line(file: PrivateFile, mode: int) -> None:
    file.replace(b"one")
    file.path.chmod(mode)
    for use in (file.read, file.signature):
        with pytest.raises(KeyProviderError) as refused:
            use()
        assert f"has mode {mode:04o}" in str(refused.value)
        assert f"chmod 600 {file.path}" in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_narrower_mode_is_fine(file: PrivateFile) -> None:
    file.replace(b"one")
    file.path.chmod(0o400)
    assert content(file) == b"one"


def test_no_file_and_no_folder_read_as_none_and_cannot_be_written(file: PrivateFile) -> None:
    absent = PrivateFile(file.path.parent / "no" / "secret", "the secret file")
    for nothing in (file, absent):
        assert nothing.read() is None
        assert nothing.signature() is None
    with pytest.raises(KeyProviderError, match="cannot be written"):
        absent.replace(b"one")
    with pytest.raises(KeyProviderError, match="cannot be locked"), absent.lock():
        pytest.fail("a lock that cannot exist was held")


def test_a_folder_in_its_place_is_refused(file: PrivateFile) -> None:
    file.path.mkdir(mode=0o700)
    with pytest.raises(KeyProviderError, match="is not a file"):
        file.signature()


def test_a_crash_before_the_replacement_leaves_the_old_state(file: PrivateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    file.replace(b"old")

    def crash(*_: object) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(Path, "replace", crash)
        with pytest.raises(KeyProviderError, match="cannot be written"):
            file.replace(b"new")
    assert content(file) == b"old"
    assert [path.name for path in file.path.parent.iterdir()] == ["secret"]


def test_what_a_killed_writer_left_is_cleared_away(file: PrivateFile) -> None:
    leftover = file.path.with_name("secret.new")
    leftover.write_bytes(b"half a ke")
    file.replace(b"whole")
    assert content(file) == b"whole"
    assert not leftover.exists()


def test_every_state_has_a_signature_of_its_own(file: PrivateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    seen = set()
    for number in range(50):
        file.replace(b"%02d" % number)
        seen.add(file.signature())
    assert len(seen) == 50


def test_a_symbolic_link_stays_one(file: PrivateFile, tmp_path: Path) -> None:
    file.replace(b"one")
    link = PrivateFile(tmp_path / "link", "the link")
    link.path.symlink_to(file.path)
    link.replace(b"two")
    assert link.path.is_symlink()
    assert content(file) == b"two"


def test_one_writer_at_a_time_and_a_held_lock_is_named(file: PrivateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_file, "LOCK_WAIT_S", 0.05)
    same = PrivateFile(file.path, "the secret file")
    with file.lock():
        for shared in (False, True):
            with pytest.raises(KeyProviderError, match="locked by another process"), same.lock(shared=shared):
                pytest.fail("the lock was held twice")
    with file.lock(shared=True), same.lock(shared=True):
        assert stat.S_IMODE(file.path.with_name("secret.lock").stat().st_mode) == 0o600


def test_a_waiting_writer_gets_its_turn(file: PrivateFile) -> None:
    def add() -> None:
        with PrivateFile(file.path, "the secret file").lock():
            file.replace((content(file) or b"") + b"x")

    writers = [threading.Thread(target=add) for _ in range(20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert content(file) == b"x" * 20
