"""What the owner tells of the employee, field by field."""

from konstruct.db.migrations.run import run_sql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0008_persona.sql")
