"""Checks of the periodic work: what the carrier knows, and what has run."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from konstruct.cli.checks.check import SettingsCheck, Verdict, verdict
from konstruct.jobs.broker import create_celery, register_tasks
from konstruct.kit.settings import Settings


async def celery_tasks(settings: Settings) -> Verdict:
    """No registered task is a coroutine: Celery would call it, and never await it."""
    if settings.broker_url is None:
        return None, "KONSTRUCT_BROKER_URL is not set"
    tasks = _tasks(settings)
    wrong = [name for name, function in tasks.items() if inspect.iscoroutinefunction(inspect.unwrap(function))]
    problems = [f"task {name} is a coroutine, and would never run" for name in wrong]
    return verdict(problems, f"{len(tasks)} tasks are registered, each a plain function: {', '.join(sorted(tasks))}")


async def beat_jobs(settings: Settings) -> Verdict:
    """Whatever beat sends, a worker knows."""
    if settings.broker_url is None:
        return None, "KONSTRUCT_BROKER_URL is not set"
    known = _tasks(settings)
    schedule = create_celery(settings).conf.beat_schedule
    problems = [f"beat sends {entry['task']}, which no worker knows" for entry in schedule.values() if entry["task"] not in known]
    problems += [f"nobody sends {name}" for name in known if name not in {entry["task"] for entry in schedule.values()}]
    every = ", ".join(f"{name} every {entry['schedule']:g} s" for name, entry in sorted(schedule.items()))
    return verdict(problems, every)


def _tasks(settings: Settings) -> dict[str, Callable[..., object]]:
    """Return our tasks as a worker registers them: their functions by name. Celery's own are plain and harmless."""
    app = create_celery(settings)
    register_tasks(app, wake=_nothing, prune=_nothing, count=_nothing)
    return {name: task.run for name, task in app.tasks.items() if not name.startswith("celery.")}


def _nothing() -> None:
    """Stands for the work: only its wrapping is looked at."""


SETTINGS_CHECKS: dict[str, SettingsCheck] = {"celery-tasks": celery_tasks, "beat-jobs": beat_jobs}
