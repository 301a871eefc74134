"""The revision that this code needs, known without loading Alembic: every process asks for it when it starts."""

from __future__ import annotations

from pathlib import Path

_VERSIONS = Path(__file__).parent / "migrations" / "versions"


def head_revision() -> str:
    """Return the newest revision: migrations are numbered without gaps or branches, and a test holds them to it."""
    return max(path.name.split("_", 1)[0] for path in _VERSIONS.glob("[0-9]*_*.py"))
