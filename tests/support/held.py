"""What is still held: a search of everything reachable from our modules, our living objects and the loop's tasks."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import gc
import sys
import types
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

LIMIT = 3_000_000
"""More objects than this are not ours any more: the search has run into something it should not follow."""

Root = tuple[str, object]
_OPAQUE = (types.ModuleType, type, asyncio.AbstractEventLoop, types.CodeType, str, bytes, int, float, bool, type(None))
_FOREIGN = ("tests.", "tests", "_pytest", "pytest", "pluggy", "hypothesis", "_hypothesis", "xdist", "execnet")


def modules() -> Iterator[Root]:
    """Yield what our modules and our classes hold."""
    for name, module in sorted(sys.modules.items()):
        if name != "konstruct" and not name.startswith("konstruct."):
            continue
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("__") and attribute != "__builtins__":
                continue
            if isinstance(value, type) and value.__module__ == name:
                yield from ((f"{name}.{attribute}.{inner}", held) for inner, held in list(vars(value).items()))
            elif not isinstance(value, type) and attribute != "__builtins__":
                yield f"{name}.{attribute}", value


def objects() -> Iterator[Root]:
    """Yield every living object of our classes."""
    for held in gc.get_objects():
        kind = type(held)
        if str(getattr(kind, "__module__", "")).startswith("konstruct."):
            yield f"<{kind.__module__}.{kind.__qualname__}>", held


def tasks() -> Iterator[tuple[str, asyncio.Task[Any]]]:
    """Yield the running loop's tasks but the one that asks, by what each runs."""
    for task in asyncio.all_tasks():
        coroutine = task.get_coro()
        name = getattr(coroutine, "__qualname__", type(coroutine).__name__)
        if task is not asyncio.current_task():
            yield f"task {task.get_name()}: {name}", task


def contexts() -> Iterator[Root]:
    """Yield what every living context holds: of tasks, and of callbacks that wait, such as a connection's reader."""
    for held in gc.get_objects():
        if type(held) is contextvars.Context:
            yield from ((f"context variable {variable.name}", value) for variable, value in held.items())


def task_contexts() -> Iterator[Root]:
    """Yield the context variables with which the loop's tasks run."""
    for name, task in tasks():
        for context in gc.get_referents(task):
            if type(context) is contextvars.Context:
                yield from ((f"{name}: {variable.name}", value) for variable, value in context.items())


def search(roots: Iterable[Root], canaries: Iterable[str]) -> list[str]:
    """Return a line for each canary that is reachable from `roots`, with the way to it."""
    marks = [(canary, canary.encode()) for canary in canaries]
    found: list[str] = []
    waiting: deque[tuple[int, str, object]] = deque()
    seen: dict[int, object] = {}
    # The way to an object, as the place of the one that holds it: (place of the holder, name).
    ways: list[tuple[int, str]] = []

    def add(holder: int, name: str, held: object) -> None:
        # What is seen is kept alive meanwhile, so that no two objects share an id.
        if id(held) not in seen:
            seen[id(held)] = held
            ways.append((holder, name))
            waiting.append((len(ways) - 1, name, held))

    for name, root in roots:
        add(-1, name, root)
        while waiting:
            place, _, held = waiting.popleft()
            assert len(ways) < LIMIT, f"the search does not end: {_way(ways, place)}"
            if (canary := _holds(held, marks)) is not None:
                found.append(f"{canary} at {_way(ways, place)}")
            elif _followed(held):
                for inner in _inside(held):
                    add(place, type(inner).__name__, inner)
    return found


def _way(ways: list[tuple[int, str]], place: int) -> str:
    names = []
    while place >= 0:
        place, name = ways[place]
        names.append(name)
    return " > ".join(reversed(names))


def _holds(held: object, marks: list[tuple[str, bytes]]) -> str | None:
    if isinstance(held, str):
        return next((text for text, _ in marks if text in held), None)
    if isinstance(held, bytes | bytearray):
        return next((text for text, raw in marks if raw in held), None)
    return None


def _followed(held: object) -> bool:
    if isinstance(held, _OPAQUE):
        return False
    return not str(getattr(type(held), "__module__", "")).startswith(_FOREIGN)


def _inside(held: object) -> Iterable[object]:
    if isinstance(held, types.FunctionType):
        # Not its globals: our own modules are roots themselves, and others' lead everywhere.
        cells = [cell.cell_contents for cell in held.__closure__ or () if cell != types.CellType()]
        return [*cells, *(held.__defaults__ or ()), *(held.__kwdefaults__ or {}).values(), held.__dict__]
    if isinstance(held, types.MethodType):
        return [held.__self__, held.__func__]
    if isinstance(held, functools.partial):
        return [held.func, held.args, held.keywords]
    if isinstance(held, weakref.ref):
        return [held()]
    if isinstance(held, types.FrameType):
        return list(held.f_locals.values())
    return gc.get_referents(held)
