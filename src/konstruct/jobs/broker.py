"""Celery, as the carrier of wake-ups and of the beat. PostgreSQL is the queue: losing the broker delays, never loses."""

from __future__ import annotations

from collections.abc import Callable

from celery import Celery, signals

from konstruct.kit.log import take_over_loggers
from konstruct.kit.settings import Settings

WAKE = "konstruct.wake"
PRUNE = "konstruct.prune"
COUNT = "konstruct.count"
ARCHIVE = "konstruct.archive"
POLLS = "konstruct.polls"
QUEUE = "konstruct"
STRATEGY = "konstruct.jobs.celery_messages:refusing"
"""How a worker takes a task's messages in; Celery wants its name."""
WAKE_EVERY_S = 5.0
PRUNE_EVERY_S = 3600.0
COUNT_EVERY_S = 60.0
ARCHIVE_EVERY_S = 3600.0
POLLS_EVERY_S = 300.0
PUBLISH_TIMEOUT_S = 0.5
"""A frozen broker blocked a publisher for more than 15 s without this."""


def create_celery(settings: Settings, *, publisher: bool = False) -> Celery:
    """Return the Celery app on `settings.broker_url`, without tasks. Raises SettingsError.

    A `publisher` bounds its socket; a consumer must not, for it waits on the socket for its next message.
    """
    settings.need("broker_url")
    assert settings.broker_url
    address = settings.broker_url.get_secret_value()
    app = Celery("konstruct", broker=address, set_as_current=False)
    options: dict[str, object] = {}
    if address.startswith(("redis", "valkey")):
        options["global_keyprefix"] = "k1:{platform}:celery:"
    if publisher:
        options |= {"socket_timeout": PUBLISH_TIMEOUT_S, "socket_connect_timeout": PUBLISH_TIMEOUT_S, "max_retries": 0}
    app.conf.update(
        broker_transport_options=options,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=PUBLISH_TIMEOUT_S if publisher else 4,
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_redirect_stdouts=False,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        event_queue_expires=60,
        beat_max_loop_interval=WAKE_EVERY_S,
        # A wake-up that comes late says nothing new.
        beat_schedule={
            "wake": {"task": WAKE, "schedule": WAKE_EVERY_S, "options": {"expires": WAKE_EVERY_S}},
            "prune": {"task": PRUNE, "schedule": PRUNE_EVERY_S, "options": {"expires": PRUNE_EVERY_S}},
            "count": {"task": COUNT, "schedule": COUNT_EVERY_S, "options": {"expires": COUNT_EVERY_S}},
            "archive": {"task": ARCHIVE, "schedule": ARCHIVE_EVERY_S, "options": {"expires": ARCHIVE_EVERY_S}},
            "polls": {"task": POLLS, "schedule": POLLS_EVERY_S, "options": {"expires": POLLS_EVERY_S}},
        },
    )
    # Our own logging stays as it was configured: Celery's would print arguments and tracebacks.
    signals.setup_logging.connect(take_over_loggers, weak=False, dispatch_uid="konstruct")
    return app


def register_tasks(
    app: Celery,
    *,
    wake: Callable[[], None],
    prune: Callable[[], None],
    count: Callable[[], None],
    archive: Callable[[], None],
    polls: Callable[[], None],
) -> None:
    """Register the tasks of a worker. All are plain functions: an `async def` task would silently do nothing."""

    @app.task(name=WAKE, ignore_result=True, shared=False, Strategy=STRATEGY)  # type: ignore[untyped-decorator]  # Celery is not typed
    def wake_engine() -> None:
        wake()

    @app.task(name=PRUNE, ignore_result=True, shared=False, Strategy=STRATEGY)  # type: ignore[untyped-decorator]  # likewise
    def prune_tables() -> None:
        prune()

    @app.task(name=COUNT, ignore_result=True, shared=False, Strategy=STRATEGY)  # type: ignore[untyped-decorator]  # likewise
    def count_tenants() -> None:
        count()

    @app.task(name=ARCHIVE, ignore_result=True, shared=False)  # type: ignore[untyped-decorator]  # likewise
    def archive_deliveries() -> None:
        archive()

    @app.task(name=POLLS, ignore_result=True, shared=False, Strategy=STRATEGY)  # type: ignore[untyped-decorator]  # likewise
    def plan_polls() -> None:
        polls()
