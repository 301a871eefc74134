"""Runs the blocks of `docs/operations.md` as they stand there: shell by bash, SQL as the login that its first line names.

What stands for something is set as the page says: TENANT, NAME, PID, WEB_LOG and WORKER_LOG as variables of the shell, and
`'TENANT'` in SQL. `konstruct` is a script that hands the command to a process which has imported everything already.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

from konstruct.local.instance import load_instance

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60
_SHIM = """#!{python} -IS
import json, os, socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect({socket!r})
env = {{name: value for name, value in os.environ.items() if name.startswith("KONSTRUCT_")}}
peer.sendall(json.dumps({{"argv": sys.argv[1:], "env": env, "cwd": os.getcwd()}}).encode() + b"\\n")
said = json.loads(peer.makefile("rb").read())
sys.stdout.write(said["out"])
sys.stderr.write(said["err"])
sys.exit(said["code"])
"""


@dataclass(frozen=True)
class Block:
    """A block of a runbook: `sh` or `sql`."""

    language: str
    text: str


@cache
def runbooks() -> dict[str, list[Block]]:
    """Return the blocks of each page of "When something is wrong", by its heading; pages without any are left out."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    pages = re.split(r"^### (.+)$", text.partition("\n## When something is wrong\n")[2], flags=re.MULTILINE)[1:]
    found = {}
    for title, page in zip(pages[::2], pages[1::2], strict=True):
        blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
        if blocks:
            found[title] = [Block(language, body) for language, body in blocks]
    return found


@dataclass
class Runbook:
    """A page under way: `next` runs its next block."""

    desk: Desk
    blocks: list[Block]
    variables: dict[str, str]
    done: int = 0

    async def next(self, *, code: int = 0, **environment: str) -> Any:
        """Run the next block; return what a shell printed, or the rows of the last statement that has any."""
        block = self.blocks[self.done]
        self.done += 1
        if block.language == "sql":
            login, _, sql = block.text.partition("\n")
            return await self.desk.sql(login.removeprefix("-- "), sql.replace("'TENANT'", f"'{self.variables.get('TENANT')}'"))
        assert block.language == "sh", block
        return await self.desk.shell(block.text, {**self.variables, **environment}, code=code)


@dataclass
class Desk:
    """An operator's desk beside a running instance."""

    data_dir: Path
    folder: Path
    bin: Path
    env: dict[str, str] = field(repr=False)
    first_report: list[dict[str, Any]] = field(default_factory=list)

    @asynccontextmanager
    async def runbook(self, title: str, **variables: object) -> AsyncIterator[Runbook]:
        """Open a page; every block of it must have run by the end."""
        logs = {"WEB_LOG": str(self.data_dir / "logs" / "web.log"), "WORKER_LOG": str(self.data_dir / "logs" / "worker.log")}
        book = Runbook(self, runbooks()[title], {**logs, **{name: str(value) for name, value in variables.items()}})
        yield book
        assert book.done == len(book.blocks), f"{title}: {len(book.blocks) - book.done} blocks were not run"

    async def shell(self, text: str, variables: dict[str, str], *, code: int = 0) -> str:
        """Run a block as bash does when an operator pastes it, but stop at the first failure. Return what it printed."""
        path = f"{self.bin}:{os.environ['PATH']}"
        process = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", text, cwd=self.folder, env={**self.env, "PATH": path, **variables},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode == code, f"{text}\n{out.decode()}\n{err.decode()}"
        return out.decode()

    async def konstruct(self, words: str) -> str:
        """Run one command of ours."""
        return await self.shell(f"konstruct {words}", {})

    async def sql(self, login: str, sql: str) -> list[asyncpg.Record]:
        """Run statements as a login (app, fleet or administrator), each as it stands; return the rows of the last."""
        connection = await asyncpg.connect(self._address(login))
        try:
            rows: list[asyncpg.Record] = []
            for statement in re.split(r";\s*$", sql, flags=re.MULTILINE):
                if statement.strip():
                    rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    def _address(self, login: str) -> str:
        names = {"app": "KONSTRUCT_DATABASE_URL", "fleet": "KONSTRUCT_FLEET_DATABASE_URL", "administrator": "ADMIN"}
        return self.env[names[login]]


@asynccontextmanager
async def open_desk(data_dir: Path, folder: Path) -> AsyncIterator[Desk]:
    """Sit down at a running instance; `folder` is where commands write. The environment is that of its processes."""
    env = dict(load_instance(data_dir).env)
    superuser = json.loads((data_dir / "secrets.json").read_text())["postgres"]
    server = env["KONSTRUCT_DATABASE_URL"].rpartition("@")[2]
    env["ADMIN"] = f"postgresql://postgres:{superuser}@{server}"
    command = (sys.executable, "-m", "tests.bad_input.command_process")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 22
    )
    one_at_a_time = asyncio.Lock()

    async def hand_over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        async with one_at_a_time:
            assert process.stdin and process.stdout
            process.stdin.write(line)
            writer.write(await process.stdout.readline())
        await writer.drain()
        writer.close()

    bin_folder = folder / "bin"
    bin_folder.mkdir()
    server_ = await asyncio.start_unix_server(hand_over, folder / "s")
    shim = bin_folder / "konstruct"
    shim.write_text(_SHIM.format(python=sys.executable, socket=str(folder / "s")))
    shim.chmod(0o755)
    try:
        yield Desk(data_dir, folder, bin_folder, env)
    finally:
        server_.close()
        process.kill()
        await process.wait()
