"""What a channel brings besides messages waits in a table until a worker has handled it."""

from konstruct.db.migrations.run import run_sql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0017_channel_events.sql")
