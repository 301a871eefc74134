"""What a provider calls a contact, and how it is found again."""

from konstruct.db.migrations.run import run_sql

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0026_identity.sql")
