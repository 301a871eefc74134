"""Embedded PostgreSQL and Valkey, their supervisor, and the sandbox."""
