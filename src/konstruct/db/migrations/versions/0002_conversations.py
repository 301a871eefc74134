"""Contacts, conversations, messages, inbound events and the keys that make a delivery count once."""

from konstruct.db.migrations.run import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the SQL of this revision."""
    run_sql("0002_conversations.sql")
