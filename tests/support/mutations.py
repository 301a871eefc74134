"""Payloads made wrong in every way: fields taken away, of another type, wrapped, doubled, swollen, cut off."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Path = tuple[str | int, ...]
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, 10**30, 1e308, "", " ", "\x00", "\ud800", "x" * 5000, "\U0001f469\u200d\U0001f680", "null",
    "1790000000.000200", "U1", [], [None], [[[]]], {}, {"type": "message"}, {"a": {"b": [1]}},
)  # fmt: skip
"""What may stand where something else belongs."""


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield where every part of a payload stands, itself left out."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield (*at, name)
        yield from paths(part, (*at, name))


def change(payload: Any, at: Path, how: Callable[[Any], Any]) -> Any:
    """Return a copy in which the part `at` is what `how` makes of it; `...` takes it away."""
    fresh = copy.deepcopy(payload)
    place = fresh
    for name in at[:-1]:
        place = place[name]
    new = how(place[at[-1]])
    if new is ...:
        del place[at[-1]]
    else:
        place[at[-1]] = new
    return fresh


def mutated(payload: Any, pick: random.Random) -> bytes:
    """Return the bytes of a payload that is wrong in one to four ways, the same for the same state of `pick`."""
    for _ in range(pick.randint(1, 4)):
        found = list(paths(payload))
        if not found:
            break
        odd = pick.choice(ODD)
        hows: tuple[Callable[[Any], Any], ...] = (
            lambda _: ...,
            lambda _, odd=odd: odd,  # type: ignore[misc]
            lambda part: [part],
            lambda part: {"value": part},
            lambda part: [part] * 3,
        )
        payload = change(payload, pick.choice(found), pick.choice(hows))
    text = json.dumps(payload)
    kind = pick.randrange(12)
    if kind == 0:
        return text[: pick.randrange(len(text) + 1)].encode()
    if kind == 1 and len(text) > 2:
        # A name that stands twice: the later one counts, or neither does.
        return (text[:-1] + ', "event": ' + json.dumps(pick.choice(ODD)) + "}").encode()
    if kind == 2:
        return (text[:-1] + ', "more": ' + "[" * 200 + "]" * 200 + "}").encode()
    return text.encode()
