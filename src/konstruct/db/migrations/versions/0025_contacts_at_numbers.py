"""A contact at a number: its other names, its reply window, and the business account and portfolio behind the number."""

from konstruct.db.migrations.run import run_sql

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0025_contacts_at_numbers.sql")
