"""`make sabotage`: take one guard after the other out of a copy of the code; each time the test that guards it must turn red.

ARGS="policy redactor" chooses removals by words in their ids. Exit code 1 if a removal goes unnoticed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sabotage.copy import Finding, make_copy, run_tests
from tests.sabotage.removal import Removal
from tests.sabotage.removals import REMOVALS

AT_ONCE = 2
"""Copies under test at one time: each has a database of its own."""


def main(words: list[str]) -> int:
    """Run what is chosen, print the table, return the exit code."""
    chosen = [removal for removal in REMOVALS if not words or any(word in removal.id for word in words)]
    if not chosen:
        print("no removal has such an id; these exist: " + ", ".join(removal.id for removal in REMOVALS))
        return 2
    began = time.monotonic()
    whole = _unmodified(sorted({removal.test for removal in chosen}))
    print(f"{'the code as it is':<34} {whole.colour:<7} {whole.evidence}", flush=True)
    if whole.colour != "green":
        return 1
    with ThreadPoolExecutor(AT_ONCE) as pool:
        noticed = list(pool.map(_row, chosen))
    print(f"\n{sum(noticed)} of {len(chosen)} removals were noticed by an assertion, in {time.monotonic() - began:.0f} s")
    return int(not all(noticed))


def _unmodified(tests: list[str]) -> Finding:
    with tempfile.TemporaryDirectory(prefix="konstruct-sabotage-") as folder:
        return run_tests(make_copy(Path(folder)), tests)


def _row(removal: Removal) -> bool:
    with tempfile.TemporaryDirectory(prefix="konstruct-sabotage-") as folder:
        copy = make_copy(Path(folder))
        removal.apply(copy)
        finding = run_tests(copy, [removal.test])
    print(f"{removal.id:<34} {finding.colour:<7} without {removal.guard}: {finding.evidence}", flush=True)
    return finding.colour == "red"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
