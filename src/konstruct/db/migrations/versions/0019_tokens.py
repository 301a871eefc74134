"""Tokens that run out: refresh tokens, and when each is to be renewed."""

from konstruct.db.migrations.run import run_sql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0019_tokens.sql")
