"""JSON as nobody should send it: every value left out, put in another's place, of another type, cut, endless, repeated."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**30, "", "\x00", "\ud800", "ü" * 40, "x" * 70_000, "1.5", "0" * 12 + ".1", [], [None], [[]], {},
    {"id": None}, {"": {}}, "../../etc", "<!channel>", "{}", "T1\nT2",
)  # fmt: skip
"""Values that stand where others should."""


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value within."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in inner:
        yield (*here, name)
        yield from paths(each, (*here, name))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """Return a copy with `odd` at `path`."""
    found = copy.deepcopy(value)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = odd
    return found


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy without what stands at `path`."""
    found = copy.deepcopy(value)
    inner = found
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return found


def mangled(value: Any, odd: tuple[Any, ...] = ODD) -> Iterator[Any]:
    """Yield it with each value missing, and with each value odd, once for every odd value."""
    for path in paths(value):
        yield without(value, path)
        for each in odd:
            yield put(value, path, each)


def anything() -> st.SearchStrategy[Any]:
    """Return a strategy for small JSON of any shape."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    )
