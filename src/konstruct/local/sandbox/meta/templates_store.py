"""Repository: message templates."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from konstruct.local.sandbox.meta.model import Template
from konstruct.local.sandbox.sqlite import SqliteFile


class Templates:
    """The templates of all business accounts."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def add(self, template: Template) -> bool:
        """Store a template; return False where its account has one of this name and language."""
        head = (template.template_id, template.waba_id, template.name, template.language, template.category, template.status)
        rest = (json.dumps(template.components), template.reason, template.quality)
        with self._file.write() as connection:
            sql = "INSERT OR IGNORE INTO wa_templates VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            return connection.execute(sql, (*head, *rest)).rowcount == 1

    def change(self, template: Template, **values: Any) -> None:
        """Change fields of a template. The names come from the callers in this package."""
        kept = {name: json.dumps(value) if name == "components" else value for name, value in values.items()}
        sets = ", ".join(f"{name} = ?" for name in kept)
        with self._file.write() as connection:
            connection.execute(f"UPDATE wa_templates SET {sets} WHERE template_id = ?", (*kept.values(), template.template_id))

    def of_account(self, waba_id: str) -> list[Template]:
        """Return the templates of a business account, newest first."""
        with self._file.read() as connection:
            rows = connection.execute("SELECT * FROM wa_templates WHERE waba_id = ? ORDER BY rowid DESC", (waba_id,)).fetchall()
        return [_template(row) for row in rows]

    def get(self, template_id: str) -> Template | None:
        """Return a template."""
        with self._file.read() as connection:
            row = connection.execute("SELECT * FROM wa_templates WHERE template_id = ?", (template_id,)).fetchone()
        return _template(row) if row else None

    def find(self, waba_id: str, name: str, language: str) -> Template | None:
        """Return a template by the name under which messages use it."""
        named = [each for each in self.of_account(waba_id) if each.name == name and each.language == language]
        return named[0] if named else None

    def remove(self, waba_id: str, name: str, template_id: str | None = None) -> int:
        """Delete all languages of a template, or one; return how many went."""
        with self._file.write() as connection:
            sql = "DELETE FROM wa_templates WHERE waba_id = ? AND name = ? AND (?3 IS NULL OR template_id = ?3)"
            return connection.execute(sql, (waba_id, name, template_id)).rowcount


def _template(row: sqlite3.Row) -> Template:
    return Template(**{**dict(row), "components": tuple(json.loads(row["components"]))})
