"""The removals of `make sabotage` fit the code: what each takes out is there once, and the test it names exists."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.sabotage.removal import Removal
from tests.sabotage.removals import REMOVALS

ROOT = Path(__file__).resolve().parents[2]


def test_there_are_enough_and_each_has_its_own_name() -> None:
    assert len(REMOVALS) >= 30
    assert [name for name, count in Counter(removal.id for removal in REMOVALS).items() if count > 1] == []


@pytest.mark.parametrize("removal", REMOVALS, ids=lambda removal: removal.id)
def test_a_removal_fits(removal: Removal) -> None:
    assert (ROOT / removal.path).read_text(encoding="utf-8").count(removal.before) == 1
    file, _, name = removal.test.partition("[")[0].partition("::")
    # A contract's tests stand in a file of their own, beside the one that applies them.
    beside = "".join(path.read_text(encoding="utf-8") for path in (ROOT / file).parent.rglob("*.py"))
    assert (ROOT / file).exists() and f"def {name.rpartition('::')[2]}(" in beside
