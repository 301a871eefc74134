"""A route knows who we are in its account, so that our own messages are never taken for a person's."""

from konstruct.db.migrations.run import run_sql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0024_own_messages.sql")
