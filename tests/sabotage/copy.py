"""A copy of the working tree, in which a guard can be missing, and what its tests say there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.sabotage.witness import BY_ASSERTION, REPORT

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "src",
    "tests",
    "scripts",
    "bench",
    "docs",
    "pyproject.toml",
    "Makefile",
    "README.md",
    "requirements.lock",
    "CHANGELOG.md",
)
LIMIT_S = 300
"""Longest run of one test."""


@dataclass(frozen=True, slots=True)
class Finding:
    """How the tests ended: `green`, `red` (by assertion), or `broken` (in any other way), and a line of evidence."""

    colour: str
    evidence: str


def make_copy(folder: Path) -> Path:
    """Copy the tree into `folder` and return it."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.exists():
            shutil.copy2(source, folder / part)
    return folder


def run_tests(copy: Path, tests: list[str]) -> Finding:
    """Run the tests in the copy, in processes of their own, and tell how they ended."""
    report = copy / "sabotage.jsonl"
    report.unlink(missing_ok=True)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("KONSTRUCT_", "PYTEST_"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.sabotage.witness",
        "-n",
        "0",
        "-q",
        "--no-header",
        "--tb=line",
        *tests,
    ]
    log = copy / "sabotage.log"
    with log.open("wb") as out:
        try:
            done = subprocess.run(
                command, cwd=copy, env={**env, REPORT: str(report), "PYTHONPATH": "src:.", "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=out, stderr=out, timeout=LIMIT_S * max(1, len(tests) // 4), check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Finding("broken", "no end in time")
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    return _judge(done.returncode, lines, log)


def _judge(code: int, lines: list[dict[str, str]], log: Path) -> Finding:
    failed = [line for line in lines if line["outcome"] == "failed"]
    if code == 0 and lines:
        return Finding("green", f"{len(lines)} passed")
    for line in failed:
        if line["when"] == "call" and line["raised"] in BY_ASSERTION:
            return Finding("red", f"{line['raised']} in {line['test'].partition('::')[2]}")
    if failed:
        return Finding("broken", f"{failed[0]['raised']} in {failed[0]['when']} of {failed[0]['test']}")
    last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-1:]
    return Finding("broken", f"pytest ended with {code}: {' '.join(last)[:200]}")
