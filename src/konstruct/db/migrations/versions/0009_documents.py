"""Uploaded files and how far they are."""

from konstruct.db.migrations.run import run_sql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0009_documents.sql")
