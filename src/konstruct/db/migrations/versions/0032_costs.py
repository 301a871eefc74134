"""What the provider bills for each message."""

from konstruct.db.migrations.run import run_sql

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0032_costs.sql")
