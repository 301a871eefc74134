"""Notices, settings and exports of a business."""

from konstruct.db.migrations.run import run_sql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0012_notices.sql")
