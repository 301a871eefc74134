"""How many people a portfolio wrote to first."""

from konstruct.db.migrations.run import run_sql

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0029_volume.sql")
