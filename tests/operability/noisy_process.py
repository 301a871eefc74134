"""A process that puts a mark (from its environment) everywhere libraries may log it, at DEBUG. Run by test_canaries.py.

With PLAIN=1 it logs as libraries do by default: the control that shows that the mark does reach the logs.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Awaitable, Callable

import aiohttp
import aiohttp.web
import asyncpg
import celery
import redis.asyncio
import sqlalchemy
import structlog
import uvicorn
from celery.contrib.testing.worker import start_worker
from celery.signals import setup_logging
from slack_sdk.web.async_client import AsyncWebClient

from konstruct.kit.errors import KonstructError
from konstruct.kit.log import configure, take_over_loggers, watch_loop
from konstruct.kit.settings import Settings

MARK = os.environ["MARK"]
PLAIN = bool(os.environ.get("PLAIN"))
log = structlog.get_logger()


async def slack(port: int) -> None:
    client = AsyncWebClient(token=f"xoxb-{MARK}", base_url=f"http://127.0.0.1:{port}/", retry_handlers=[])
    # The client logs bodies only where its own logger has a level: the worst case.
    client._logger.setLevel(logging.DEBUG)
    try:
        await client.chat_postMessage(channel="C1", text=f"hello {MARK}", username=MARK)
    except Exception:
        logging.getLogger("slack_sdk.web").exception("call failed with %s", MARK)


async def http(port: int) -> None:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {MARK}"}) as client:
        async with client.post(f"http://127.0.0.1:{port}/boom?code={MARK}", data=MARK) as response:
            await response.read()


async def served(port: int) -> None:
    async def app(scope: dict[str, object], receive: Callable[[], Awaitable[object]], send: object) -> None:
        await receive()
        if scope["type"] == "http":
            raise RuntimeError(f"handler {MARK}")
        raise RuntimeError(f"lifespan {MARK}")

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", log_level="trace"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    await http(server.servers[0].sockets[0].getsockname()[1])
    server.should_exit = True
    await task


async def postgres(_: int) -> None:
    connection = await asyncpg.connect(os.environ["DSN"])
    try:
        for sql in ("SELECT $1::text::int", "DO $$BEGIN RAISE NOTICE 'n %', current_query(); END$$ -- " + MARK):
            try:
                await (connection.fetch(sql, MARK) if "$1" in sql else connection.execute(sql))
            except asyncpg.PostgresError as error:
                logging.getLogger("asyncpg").exception("query failed: %s", error)
                log.exception("query_failed", error=error, parameters=[MARK], text=MARK)
    finally:
        await connection.close()


async def cache(_: int) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(f"-ERR {MARK}\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    client = redis.asyncio.Redis(port=server.sockets[0].getsockname()[1], password=MARK)
    try:
        await client.set(MARK, MARK)
    except redis.RedisError as error:
        logging.getLogger("redis").exception(f"redis said {error}")
    await client.aclose()
    server.close()


def tasks() -> None:
    app = celery.Celery("noisy", broker="memory://", backend="cache+memory://")
    if not PLAIN:
        setup_logging.connect(take_over_loggers, weak=False)

    def fail(text: str) -> None:
        raise ValueError(f"task {text}")

    def say(text: str) -> str:
        logging.getLogger("celery.task").info(f"saying {text}")
        return text

    failing, saying = app.task(fail, name="noisy.fail"), app.task(say, name="noisy.say")
    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="DEBUG", logfile=None):
        assert saying.delay(MARK).get(timeout=20) == MARK
        assert isinstance(failing.delay(MARK).get(timeout=20, propagate=False), ValueError)


def own() -> None:
    with structlog.contextvars.bound_contextvars(tenant_id="0193e3a0-7c1b-7c55-8d2a-1234567890ab", sender_name=MARK):
        log.debug("turn_started", text=MARK, name=MARK, detail=f"some {MARK}", nested={"deep": [MARK]}, count=3)
        log.warning(
            "odd_values", reason=f"Mr {MARK}", error=f"went wrong: {MARK}", note=object(), token=f"xoxb-{MARK}-1234567890"
        )
    try:
        try:
            raise KeyError(MARK)
        except KeyError as error:
            raise KonstructError("the outer one says only what an operator needs") from error
    except KonstructError:
        log.exception("chained")
    try:
        raise ExceptionGroup(MARK, [ValueError(MARK), OSError(5, MARK)])
    except ExceptionGroup:
        log.exception("grouped")
    warnings.warn(MARK, stacklevel=1)
    logging.getLogger("sqlalchemy.engine").info("%s", MARK)
    engine = sqlalchemy.create_engine("sqlite://", echo=False)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT :value"), {"value": MARK})
    # An argument that does not fit its template makes logging print both.
    template = "%d %d"
    logging.getLogger("urllib3").debug(template, MARK)


class Finalized:
    def __del__(self) -> None:
        raise RuntimeError(f"finalizer {MARK}")

    def __repr__(self) -> str:
        return f"<{MARK}>"


def thread() -> None:
    raise RuntimeError(f"thread {MARK}")


async def forgotten() -> None:
    raise RuntimeError(f"task {MARK}")


async def main() -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    if not PLAIN:
        watch_loop(loop)

    async def answer(_request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.json_response({"ok": False, "error": MARK, "text": MARK}, headers={"X-Said": MARK})

    web = aiohttp.web.Application()
    web.router.add_post("/{tail:.*}", answer)
    runner = aiohttp.web.AppRunner(web)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    for part in (slack, http, served, postgres, cache):
        await part(port)
    await runner.cleanup()
    loop.call_soon(thread)
    task = asyncio.create_task(forgotten())
    await asyncio.wait([task])
    del task
    gc.collect()
    await asyncio.sleep(0)


if __name__ == "__main__":
    if PLAIN:
        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
    else:
        configure(Settings(log_level="DEBUG"), "noisy")
    own()
    worker = threading.Thread(target=thread)
    worker.start()
    worker.join()
    asyncio.run(main())
    tasks()
    Finalized()
    gc.collect()
    sys.stdout.write("all parts ran\n")
    sys.stdout.flush()
    raise RuntimeError(f"main {MARK}")
