"""Celery's beat scheduler, kept in memory."""

from __future__ import annotations

from celery.beat import Scheduler


class MemoryScheduler(Scheduler):  # type: ignore[misc]  # Celery is not typed
    """The schedule of the app's configuration, without a file: the default one keeps a database in the working folder."""

    def setup_schedule(self) -> None:
        """Take over the configured entries."""
        self.merge_inplace(self.app.conf.beat_schedule)
