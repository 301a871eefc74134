"""Migrations: numbered, complete, repeatable, and known without loading Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic.script import ScriptDirectory

import konstruct.db.migrations
from konstruct.db.bootstrap import RoleUrls
from konstruct.db.migrate import migrate
from konstruct.db.revision import head_revision

FOLDER = Path(konstruct.db.migrations.__file__).parent


def test_the_head_is_the_highest_number_and_nothing_branches() -> None:
    script = ScriptDirectory(str(FOLDER))
    assert script.get_heads() == [head_revision()]
    numbers = [revision.revision for revision in reversed(list(script.walk_revisions()))]
    assert numbers == [f"{number:04}" for number in range(1, len(numbers) + 1)]


def test_each_migration_has_its_sql() -> None:
    scripts = {path.stem for path in (FOLDER / "versions").glob("[0-9]*.py")}
    assert scripts == {path.stem for path in (FOLDER / "sql").glob("*.sql")}


def test_a_second_run_finds_nothing_to_do(urls: RoleUrls) -> None:
    assert migrate(urls.maintenance) == []
