"""Serves the web application with uvicorn on uvloop."""

from __future__ import annotations

import gc
import socket

import uvicorn
from fastapi import FastAPI

from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import Settings
from konstruct.web.app import create_app

BACKLOG = 2048
"""Connections that may wait to be taken while all processors are busy."""
COLLECT_AFTER = 20_000
"""New objects between two garbage collections: at Python's own 700 they took a twelfth of a webhook's time."""


class _Server(uvicorn.Server):
    """uvicorn's, with what is ours at its start and at its end."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then leave what stays for good out of every later garbage collection."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER)

    def handle_exit(self, sig: int, frame: object) -> None:
        """End the open streams first: a server that waits for them would never stop."""
        super().handle_exit(sig, frame)  # type: ignore[arg-type]
        assert isinstance(self.config.app, FastAPI)
        if (sandbox := getattr(self.config.app.state, "sandbox", None)) is not None:
            sandbox.end_streams()
        if (streams := getattr(self.config.app.state, "streams", None)) is not None:
            streams.close()


def serve(settings: Settings) -> int:
    """Serve until SIGTERM; requests under way are answered first. Returns the exit code.

    Raises what keeps it from starting: a wrong setting, a deaf database, a failed self-test, an address that is taken.
    """
    app = create_app(settings)
    listening = _listen(settings.bind)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )
    server = _Server(config)
    try:
        server.run(sockets=[listening])
    except SystemExit:
        # uvicorn logs why the start failed, but not in words that an operator could use.
        if app.state.start_error is not None:
            raise app.state.start_error from None
        raise
    return 0 if server.started else 1


def _listen(bind: str) -> socket.socket:
    """Return a socket that listens on `bind`. Raises SettingsError."""
    host, _, port = bind.rpartition(":")
    host = host.strip("[]")
    try:
        family = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, int(port)), family=family, backlog=BACKLOG)
    except OverflowError:
        raise SettingsError(f"KONSTRUCT_BIND is wrong: {port} is no port, the highest is 65535") from None
    except OSError as error:
        raise SettingsError(f"KONSTRUCT_BIND is wrong: cannot listen on {bind} ({error.strerror})") from None
