"""Ingest at half the cost: plans that are kept, and fewer statements a message."""

from konstruct.db.migrations.run import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0008_ingest_speed.sql")
