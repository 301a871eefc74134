"""Old rows stand in partitions by month, and the periodic jobs say when they last ran."""

from konstruct.db.migrations.run import run_sql

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0016_retention.sql")
