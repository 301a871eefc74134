"""Keys of the API and what was done with them."""

from konstruct.db.migrations.run import run_sql

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0013_api_keys.sql")
