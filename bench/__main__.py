"""`make bench`, or `python -m bench [NAME …]`: measure, print, keep the results, write the table.

Every figure is compared with its goal; a goal that is missed is said, and is no failure of the command: machines differ.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from bench import ack, fairness, flood, history, pages, report, turn, waiting
from bench.machine import describe
from bench.stack import Parts, parts

BENCHES: dict[str, Callable[[Parts], Awaitable[dict[str, Any]]]] = {
    "ack": ack.measure,
    "flood": flood.measure,
    "turn": turn.measure,
    "waiting": waiting.measure,
    "fairness": fairness.measure,
    "pages": pages.measure,
    "history": history.measure,
}


async def _run(names: list[str]) -> None:
    for name in names:
        started = time.monotonic()
        print(f"{name}: measuring", flush=True)
        # A fresh database server for each: none measures what another left behind.
        async with parts() as stack:
            machine = await describe(stack.admin_url, stack.folder)
            figures = await BENCHES[name](stack)
        report.keep(name, {"machine": machine, "figures": figures})
        print(json.dumps(figures, indent=2))
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


def main(names: list[str]) -> int:
    """Run the benches named, all of them without a name; return the exit code."""
    if unknown := [name for name in names if name not in BENCHES]:
        print(f"there is no bench {unknown[0]!r}: choose from {', '.join(BENCHES)}", file=sys.stderr)
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    asyncio.run(_run(names or list(BENCHES)))
    report.write()
    print(report.table())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
