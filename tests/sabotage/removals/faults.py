"""What holds when parts fail."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"

FAULTS = (
    Removal(
        "no-retry-after-a-token",
        "that a model is not asked again once its answer began",
        f"{_SRC}/llm/router.py",
        "                if attempt.started_answer or not error.transient:",
        "                if not error.transient:",
        "tests/faults/test_model.py::test_a_model_that_hangs_fails_or_dies_costs_one_apology_at_most",
    ),
    Removal(
        "the-databases-clock",
        "the database's time in the prompt",
        f"{_SRC}/agents/thinking.py",
        "turn.opened_at or self._now()",
        "self._now()",
        "tests/faults/test_clocks.py::test_workers_an_hour_ahead_and_behind_answer_as_one_with_the_right_time",
    ),
    Removal(
        "an-outage-is-no-attempt",
        "that an outage of the database is no attempt of a message",
        f"{_SRC}/jobs/engine.py",
        "self._release_failed(claim, OUTAGE_WAIT_S, counted=False)",
        "self._release_failed(claim, OUTAGE_WAIT_S)",
        "tests/faults/test_storage.py::test_a_database_that_takes_nothing_is_waited_out",
    ),
    Removal(
        "poison-ends",
        "the limit of a turn's attempts",
        f"{_SRC}/agents/loop.py",
        "        if claim.attempts > self._attempts:",
        "        if claim.attempts > self._attempts + 1000:",
        "tests/faults/test_poison.py::test_poison_ends_in_an_apology_and_a_dead_letter_and_holds_up_nobody",
    ),
)
