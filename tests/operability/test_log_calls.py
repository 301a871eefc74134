"""Every log call of the code: a constant event, and no field that could hold a text, a name or a secret."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import konstruct
from konstruct.kit.redaction import sensitive

ROOT = Path(konstruct.__file__).parent
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _is_log(node.func):
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def _is_log(called: ast.expr) -> bool:
    if not isinstance(called, ast.Attribute) or called.attr not in LEVELS:
        return False
    return isinstance(called.value, ast.Name) and called.value.id in ("log", "logger", "_log")


def test_events_are_constants_and_fields_are_not_sensitive() -> None:
    found = list(log_calls())
    wrong = []
    for where, call in found:
        if len(call.args) != 1 or not isinstance(call.args[0], ast.Constant):
            wrong.append(f"{where}: the event must be one constant")
        wrong += [f"{where}: field {word.arg} is never shown" for word in call.keywords if word.arg and sensitive(word.arg)]
    assert len(found) > 10
    assert wrong == []


def test_nothing_logs_past_structlog() -> None:
    """A standard logger is only ever taken to silence it for good."""
    texts = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py") if path.parent.name != "kit"
    }
    strays = [
        name for name, text in texts.items() if text.count("logging.getLogger(") != text.count(".setLevel(logging.CRITICAL + 1)")
    ]
    assert strays == []
