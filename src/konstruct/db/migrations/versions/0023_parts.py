"""A part of an answer may be a file."""

from konstruct.db.migrations.run import run_sql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0023_parts.sql")
