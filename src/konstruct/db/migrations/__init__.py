"""Alembic migrations, one per change; the SQL itself lies in `sql/`."""
