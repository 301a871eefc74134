"""Notes, events and search of conversations."""

from konstruct.db.migrations.run import run_sql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0010_inbox.sql")
