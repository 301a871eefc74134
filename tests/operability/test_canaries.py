"""A mark put into texts, names, exceptions and secrets, through real libraries at DEBUG, appears in no output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from konstruct.db.bootstrap import RoleUrls

MARK = "zq7vomit5x"
SCRIPT = Path(__file__).with_name("noisy_process.py")
HEARD = {"asyncio", "sqlalchemy", "slack_sdk", "uvicorn", "asyncpg", "redis", "celery", "kombu", "urllib3"}
"""Libraries that must be seen to have logged: silence would prove nothing."""
OWN_EVENTS = {
    "turn_started",
    "query_failed",
    "python_warning",
    "event_loop_exception",
    "exception_in_finalizer",
    "uncaught_exception",
    "uncaught_exception_in_thread",
}


def run(urls: RoleUrls, **extra: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MARK": MARK, "DSN": urls.app, "PYTHONPATH": os.pathsep.join(sys.path), **extra}
    return subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def quiet(urls: RoleUrls) -> subprocess.CompletedProcess[str]:
    return run(urls)


@pytest.fixture(scope="module")
def lines(quiet: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in quiet.stderr.splitlines()]


def test_the_mark_is_nowhere(quiet: subprocess.CompletedProcess[str]) -> None:
    assert quiet.returncode == 1
    assert quiet.stdout == "all parts ran\n"
    assert MARK not in quiet.stdout
    assert MARK not in quiet.stderr


def test_every_library_was_heard(lines: list[dict[str, Any]]) -> None:
    heard = {line["logger"].split(".")[0] for line in lines if "logger" in line}
    assert heard >= HEARD
    assert {line["event"] for line in lines} >= OWN_EVENTS
    assert {line["process"] for line in lines} == {"noisy"}


def test_what_is_left_helps(lines: list[dict[str, Any]]) -> None:
    failed = next(line for line in lines if line["event"] == "query_failed")
    assert failed["error"]["sqlstate"] == "22P02"
    assert sorted(failed["withheld"]) == ["parameters", "text"]
    started = next(line for line in lines if line["event"] == "turn_started")
    assert (started["tenant_id"], started["count"]) == ("0193e3a0-7c1b-7c55-8d2a-1234567890ab", 3)
    chained = next(line for line in lines if line["event"] == "chained")
    assert chained["error"]["says"] == "the outer one says only what an operator needs"
    assert chained["error"]["cause"]["type"] == "KeyError"
    task = next(line for line in lines if line.get("logger") == "celery.app.trace" and line["level"] == "error")
    assert (task["task"], task["error"]["type"]) == ("noisy.fail", "ValueError")
    assert any(line["event"] == "Exception in ASGI application\n" for line in lines)


def test_the_same_process_without_our_logging_shows_the_mark(urls: RoleUrls) -> None:
    """The control: were nothing of this logged at all, the tests above would prove nothing."""
    plain = run(urls, PLAIN="1")
    shown = [line for line in plain.stderr.splitlines() if MARK in line]
    assert len(shown) > 20
