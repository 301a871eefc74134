"""The quality of a number, its history, and what follows from it."""

from konstruct.db.migrations.run import run_sql

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0030_quality.sql")
