"""Consent as evidence, and withdrawal."""

from konstruct.db.migrations.run import run_sql

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0028_consent.sql")
