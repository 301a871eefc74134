"""Message templates, and what waits for a window."""

from konstruct.db.migrations.run import run_sql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0027_templates.sql")
