"""Messages from the broker, as a worker takes them in: one of an impossible form is refused, and ends nobody's process.

Celery refuses what it knows to be wrong and raises at the rest, which ends the worker; the message is put back, and ends
the next one. Whoever can write to the broker could stop all workers with one message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.exceptions import InvalidTaskError
from celery.worker.strategy import default


def refusing(task: Any, app: Any, consumer: Any) -> Callable[..., Any]:
    """Return Celery's own handler of a task's messages, which logs and drops one that it cannot read."""
    handle = default(task, app, consumer)

    def on_message(*message: Any, **options: Any) -> Any:
        try:
            return handle(*message, **options)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise InvalidTaskError(f"a message of another form: {type(error).__name__}") from None

    return on_message
