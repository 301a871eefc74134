"""The template of row-level security, the tenants, their employees, secrets and channel accounts."""

from konstruct.db.migrations.run import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0001_tenancy.sql")
