"""The ready queue, its fair shares, leases, and the functions that claim, renew and sweep."""

from konstruct.db.migrations.run import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0003_queue.sql")
