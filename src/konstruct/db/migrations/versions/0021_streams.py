"""Answers that grow while they are thought: the stream of a delivery."""

from konstruct.db.migrations.run import run_sql

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0021_streams.sql")
