"""Members, one-time sign-in links and the sessions they open."""

from konstruct.db.migrations.run import run_sql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0007_sign_in.sql")
