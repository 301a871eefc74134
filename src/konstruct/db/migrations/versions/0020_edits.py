"""Edited and deleted messages, people's names, and what was read of their files."""

from konstruct.db.migrations.run import run_sql

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0020_edits.sql")
