"""Runs commands of `konstruct`, each in a process of its own, forked from one that has imported everything already.

Reads one JSON object a line, {"argv": [...], "env": {...}, "cwd": "..."}, and answers each with a line {"code", "out", "err"}.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from typing import IO, Any

import konstruct.cli.channel
import konstruct.cli.doctor
import konstruct.cli.handlers
import konstruct.cli.main
import konstruct.db.bootstrap
import konstruct.db.migrate
import konstruct.jobs.beat
import konstruct.jobs.worker
import konstruct.tenants.sign_in
import konstruct.web.server

PATIENCE_S = 20
"""A command that has not ended by then works, where it should have refused."""


def run_case(case: dict[str, Any]) -> dict[str, Any]:
    """Return what one command printed and its exit code; a negative code is the signal that ended it."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(case, out, err)
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return {"code": os.waitstatus_to_exitcode(status), "out": out.read().decode(), "err": err.read().decode()}


def _become(case: dict[str, Any], out: IO[bytes], err: IO[bytes]) -> None:
    """Be the command, and never return."""
    code = 99
    try:
        signal.alarm(PATIENCE_S)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        for name in [name for name in os.environ if name.startswith("KONSTRUCT_")]:
            del os.environ[name]
        os.environ.update(case["env"])
        os.chdir(case.get("cwd", "."))
        sys.argv = ["konstruct", *case["argv"]]
        konstruct.cli.main.run()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException as error:
        # What the interpreter does at the end of a real process.
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(json.dumps(run_case(json.loads(line))) + "\n")
        sys.stdout.flush()
