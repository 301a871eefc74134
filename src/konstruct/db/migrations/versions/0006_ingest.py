"""The function that stores a batch of inbound messages, each in its own tenant's scope."""

from konstruct.db.migrations.run import run_sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0006_ingest.sql")
