"""How the tests are shared out to processes: what stands on one costly set-up goes to one of them, and the longest begin.

pytest-xdist's own groups come to nothing with pytest 9.2, which keeps a test's id where xdist 3.8 does not look for it.
"""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TOGETHER = {
    "tests/docs/test_runbooks.py": "a running instance with two businesses",
    "tests/faults/test_duplicates.py": "the crew",
    "tests/faults/test_servers.py": "the crew",
    "tests/faults/test_workers.py": "the crew",
    "tests/portal/test_barriers.py": "a running instance with a browser",
    "tests/portal/test_walk.py": "a running instance with a browser",
    "tests/sandbox/test_end_to_end.py": "a running instance",
}
"""Modules, and the set-up that they have in common."""
FIRST = frozenset(
    (
        "tests/isolation/test_state_machine.py",
        "tests/isolation/test_canaries.py",
        "tests/isolation/http/test_schemathesis.py",
        "tests/isolation/plans/test_query_plans.py",
        "tests/jobs/test_queue_machine.py",
        "tests/faults/test_storage.py",
        "tests/faults/test_up.py",
        "tests/faults/test_clocks.py",
        "tests/faults/test_model.py",
        "tests/faults/test_slack.py",
    )
)
"""Modules whose tests take long: one that began last would be waited for by all processes."""


class Sharing(LoadScopeScheduling):  # type: ignore[misc]  # xdist publishes no types
    """Test by test, but for those that belong together."""

    def _split_scope(self, nodeid: str) -> str:
        return TOGETHER.get(nodeid.partition("::")[0], nodeid)


def share(config: pytest.Config, log: Producer) -> Sharing:
    """Return the scheduler."""
    return Sharing(config, log)


def longest_first(items: list[pytest.Item]) -> None:
    """Put the tests of `FIRST` before the others; within each the order stays."""
    items.sort(key=lambda item: item.nodeid.partition("::")[0] not in FIRST)
