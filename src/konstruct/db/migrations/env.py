"""Alembic asks for this file; migrations run through `konstruct.db.migrate`, never through the alembic command."""

raise SystemExit("run `konstruct migrate`: it logs in as the maintenance role and becomes the owner")
