"""Buttons: ratings of answers, and actions that a person decides on once."""

from konstruct.db.migrations.run import run_sql

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0022_actions.sql")
