"""Summaries, documents and chunks."""

from konstruct.db.migrations.run import run_sql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0005_memory.sql")
