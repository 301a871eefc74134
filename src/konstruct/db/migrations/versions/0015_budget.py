"""Reservations of model calls that end by themselves."""

from konstruct.db.migrations.run import run_sql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0015_budget.sql")
