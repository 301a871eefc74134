"""What is kept, and for how long."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"

KEEPING = (
    Removal(
        "old-months-go",
        "that a month goes when all of it is old, and not before",
        f"{_SRC}/db/maintenance.py",
        " + interval '1 month' < (now()",
        " < (now()",
        "tests/db/test_partitions.py::test_old_months_go_and_young_ones_stay",
    ),
    Removal(
        "upkeep-waits-briefly",
        "that upkeep never holds ingest up",
        f"{_SRC}/db/maintenance.py",
        "SET lock_timeout = {LOCK // timedelta(milliseconds=1)}",
        "SET lock_timeout = 5000",
        "tests/db/test_partitions.py::test_a_table_that_somebody_reads_stops_the_job_and_not_ingest",
    ),
    Removal(
        "archive-is-read",
        "that the timeline reads the archive",
        f"{_SRC}/agents/timeline_repository.py",
        "d.tries",
        "'[]'",
        "tests/spine/test_archive.py::test_what_was_shown_moves_and_is_seen_as_before",
    ),
    Removal(
        "what-failed-stays",
        "that only what was shown leaves the outbox",
        f"{_SRC}/jobs/archive_repository.py",
        "AND (o.state <> 'sent' OR o.sent_at",
        "AND (o.state = 'pending' OR o.sent_at",
        "tests/spine/test_archive.py::test_what_was_shown_moves_and_is_seen_as_before",
    ),
    Removal(
        "revocation-of-keys",
        "that revoking all access ends API keys too",
        f"{_SRC}/tenants/revocation_repository.py",
        "SET revoked_at = now() WHERE tenant_id = $1 AND revoked_at IS NULL",
        "SET revoked_at = revoked_at WHERE tenant_id = $1 AND revoked_at IS NULL",
        "tests/docs/test_runbooks.py::test_a_leak_is_suspected",
    ),
)
