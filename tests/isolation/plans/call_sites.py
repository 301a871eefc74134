"""Every place in our source where a query is run, found in the source itself: what a harvest of queries must have seen."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import konstruct

ROOT = Path(konstruct.__file__).parent
METHODS = frozenset(("fetch", "fetchrow", "fetchval", "execute", "executemany", "fleet_fetch", "call_unscoped"))
_NOT_OURS = ("db", "local")
"""The gateway itself, which passes on what it is given, and the simulated Slack, whose database is SQLite."""


@dataclass(frozen=True, slots=True, order=True)
class CallSite:
    """A call that runs a query: where it stands, and in which function."""

    path: str
    first: int
    last: int
    function: str

    def __str__(self) -> str:
        return f"{self.path}:{self.first} ({self.function})"


@cache
def call_sites() -> tuple[CallSite, ...]:
    """Return every call of a session's or a database's query methods, in the order of the source."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT)
        if name.parts[0] in _NOT_OURS:
            continue
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.AsyncFunctionDef):
                found += [
                    CallSite(str(name), call.lineno, call.end_lineno or call.lineno, function.name)
                    for call in ast.walk(function)
                    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in METHODS
                ]
    return tuple(sorted(found))


def site_of(filename: str, line: int) -> CallSite | None:
    """Return the innermost call site that covers a line; None outside our source."""
    path = Path(filename)
    if not path.is_relative_to(ROOT):
        return None
    name = str(path.relative_to(ROOT))
    around = [site for site in call_sites() if site.path == name and site.first <= line <= site.last]
    return min(around, key=lambda site: site.last - site.first, default=None)
