"""Documents by command line: added for one business, listed, removed; each mistake is one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from konstruct.cli.main import app
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings


@pytest.fixture
def konstruct(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command in an environment that names the test's servers."""
    for name, value in settings.model_dump(exclude_none=True).items():
        shown = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        monkeypatch.setenv(f"KONSTRUCT_{name.upper()}", str(shown))
    # The command configures the logs of its process, which is the test's.
    monkeypatch.setattr("konstruct.kit.log.configure", lambda *_: None)
    return CliRunner()


def test_a_document_belongs_to_its_business(
    konstruct: CliRunner, tenants: tuple[TenantScope, TenantScope], tmp_path: Path
) -> None:
    alpha, beta = (str(scope.tenant_id) for scope in tenants)
    handbook = tmp_path / "handbook.md"
    handbook.write_text("# Opening hours\n\nWe open at nine.")
    added, again = (
        konstruct.invoke(app, ["document", "add", "--tenant", alpha, str(handbook)], catch_exceptions=False).stdout.split()[-1]
        for _ in range(2)
    )
    assert added == again
    assert f"{added}  handbook" in konstruct.invoke(app, ["document", "list", "--tenant", alpha]).stdout
    assert konstruct.invoke(app, ["document", "list", "--tenant", beta]).stdout == ""

    foreign = konstruct.invoke(app, ["document", "remove", "--tenant", beta, added])
    assert isinstance(foreign.exception, KonstructError)
    assert konstruct.invoke(app, ["document", "remove", "--tenant", alpha, added]).stdout == "removed\n"
    assert konstruct.invoke(app, ["document", "list", "--tenant", alpha]).stdout == ""


def test_mistakes_are_named(konstruct: CliRunner, tenants: tuple[TenantScope, TenantScope], tmp_path: Path) -> None:
    alpha = str(tenants[0].tenant_id)
    binary = tmp_path / "picture.bin"
    binary.write_bytes(b"\xff\xfe\x00")
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"%PDF-1.7 and nothing else")
    for words, said in (
        (["add", "--tenant", alpha, str(binary)], "“picture.bin” is of a kind that is not read here"),
        (["add", "--tenant", alpha, str(broken)], "“broken.pdf” is damaged"),
        (["add", "--tenant", alpha, "--title", "t" * 501, str(broken)], "needs a title"),
        (["add", "--tenant", alpha, str(tmp_path / "nothing.md")], "cannot read"),
        (["add", "--tenant", "x", str(binary)], "is no tenant id"),
        (["list", "--tenant", "x"], "is no tenant id"),
        (["remove", "--tenant", alpha, "x"], "is no document id"),
    ):
        error = konstruct.invoke(app, ["document", *words]).exception
        assert isinstance(error, KonstructError)
        assert said in str(error)
    assert konstruct.invoke(app, ["document", "list", "--tenant", alpha]).stdout == ""
