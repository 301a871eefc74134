"""Checks of the periodic work: what the carrier knows, and what has run."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime, timedelta

from konstruct.cli.checks.check import SettingsCheck, System, SystemCheck, Verdict, verdict
from konstruct.cli.checks.repository import server_time
from konstruct.jobs.broker import create_celery, register_tasks
from konstruct.jobs.maintenance_runs import EVERY
from konstruct.jobs.maintenance_runs_repository import list_runs
from konstruct.kit.settings import Settings

OVERDUE = 2
"""A job that has missed so many of its times is late."""
SLACK = timedelta(minutes=15)
"""A restart of everything, or a broker that is away for a while, is no reason to call."""


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


async def beat_runs(system: System) -> Verdict:
    """Every periodic job has run lately, and its last run was a good one."""
    async with system.db.fleet("doctor") as session:
        runs = {run.job: run for run in await list_runs(session)}
        now = await server_time(session)
    problems = [f"the job {job} is not known: is the database older than the code?" for job in EVERY if job not in runs]
    for job, run in runs.items():
        if job in EVERY and now - (run.last_ok_at or run.known_since) > OVERDUE * EVERY[job] + SLACK:
            why = f", its last failure was {run.last_error}" if run.last_error else ""
            problems.append(f"{job} has not run since {_moment(run.last_ok_at or run.known_since)}{why}")
    told = ", ".join(f"{job} {_moment(run.last_ok_at)}" for job, run in runs.items() if run.last_ok_at)
    waiting = [job for job, run in runs.items() if run.last_ok_at is None and job in EVERY]
    if waiting and not problems:
        return None, f"never run yet, and not due: {', '.join(waiting)}" + (f"; last ran: {told}" if told else "")
    return verdict(problems, f"last ran: {told}")


def _moment(at: datetime | None) -> str:
    # The redactor takes a date with a blank behind it for a telephone number.
    return f"{at:%Y-%m-%dT%H:%M}Z" if at else "never"


def _tasks(settings: Settings) -> dict[str, Callable[..., object]]:
    """Return our tasks as a worker registers them: their functions by name. Celery's own are plain and harmless."""
    app = create_celery(settings)
    register_tasks(app, wake=_nothing, prune=_nothing, count=_nothing, archive=_nothing, polls=_nothing)
    return {name: task.run for name, task in app.tasks.items() if not name.startswith("celery.")}


def _nothing() -> None:
    """Stands for the work: only its wrapping is looked at."""


CHECKS: dict[str, SystemCheck] = {"beat-runs": beat_runs}
SETTINGS_CHECKS: dict[str, SettingsCheck] = {"celery-tasks": celery_tasks, "beat-jobs": beat_jobs}
