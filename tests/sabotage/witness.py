"""A pytest plugin: writes how each test ended, so that a failed assertion can be told from a broken import or start-up."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

REPORT = "SABOTAGE_REPORT"
"""The variable that names the file to write: one JSON object per line."""
BY_ASSERTION = frozenset(("AssertionError", "Failed"))
"""What a failed claim raises: an assertion, and pytest's own `Failed` (nothing was raised where something must be)."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note each phase that failed, and each call that passed."""
    report = yield
    if report.failed or report.when == "call":
        _write({"test": item.nodeid, "when": report.when, "outcome": report.outcome, "raised": _raised(call)})
    return report


def _raised(call: pytest.CallInfo[Any]) -> str | None:
    """The exception's name; that of the first assertion inside, if it is a group's."""
    if call.excinfo is None:
        return None
    pending: list[BaseException] = [call.excinfo.value]
    for error in pending:
        if isinstance(error, BaseExceptionGroup):
            pending += error.exceptions
        elif type(error).__name__ in BY_ASSERTION:
            return type(error).__name__
    return type(call.excinfo.value).__name__


def _write(line: dict[str, object]) -> None:
    with Path(os.environ[REPORT]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
