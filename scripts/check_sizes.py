"""Fails when a file or function is longer than the house allows. Usage: check_sizes.py [FOLDER]."""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import Path

FOLDERS = ("src", "tests", "scripts", "bench")
FILE_MAX, TEST_FILE_MAX = 500, 800
FUNCTION_MAX, TEST_FUNCTION_MAX = 50, 80
MEDIAN_MAX = 120


def check(root: Path) -> list[str]:
    """Return one line for each thing that is too long."""
    findings: list[str] = []
    lengths: list[int] = []
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py")):
        name = path.relative_to(root)
        source = path.read_text(encoding="utf-8")
        tests = name.parts[0] == "tests"
        length = source.count("\n")
        if name.parts[0] == "src":
            lengths.append(length)
        if length > (TEST_FILE_MAX if tests else FILE_MAX):
            findings.append(f"{name}: {length} lines; split it")
        findings += long_functions(name, source, TEST_FUNCTION_MAX if tests else FUNCTION_MAX)
    if lengths and statistics.median(lengths) > MEDIAN_MAX:
        findings.append(f"src: the median file has {statistics.median(lengths):.0f} lines, more than {MEDIAN_MAX}")
    return findings


def long_functions(name: Path, source: str, limit: int) -> list[str]:
    """Return one line for each function of more than `limit` lines."""
    findings = []
    for node in ast.walk(ast.parse(source, str(name))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > limit:
                findings.append(f"{name}:{node.lineno}: {node.name} has {length} lines; split it")
    return findings


if __name__ == "__main__":
    found = check(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print("\n".join(found) or "sizes: within limits")
    sys.exit(bool(found))
