"""Installing by a click: single-use states, and what an account knows of its installation."""

from konstruct.db.migrations.run import run_sql

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0018_installs.sql")
