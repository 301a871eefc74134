"""Runs a migration's SQL file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import op

_SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Run `sql/<name>`, which may hold many statements, inside the migration's transaction."""
    statements = (_SQL / name).read_text(encoding="utf-8")
    connection: Any = op.get_bind().connection.dbapi_connection
    # asyncpg's simple protocol takes many statements at once; SQLAlchemy's own path prepares, which takes only one.
    connection.run_async(lambda driver: driver.execute(statements))
