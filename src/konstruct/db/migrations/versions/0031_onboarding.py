"""Connecting a number, and the verification of the business."""

from konstruct.db.migrations.run import run_sql

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0031_onboarding.sql")
