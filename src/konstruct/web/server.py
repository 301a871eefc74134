"""Serves the web application with uvicorn on uvloop."""

from __future__ import annotations

import uvicorn

from konstruct.kit.settings import Settings
from konstruct.web.app import create_app


class _Server(uvicorn.Server):
    """Ends the sandbox's open streams first: a server that waits for them would never stop."""

    def handle_exit(self, sig: int, frame: object) -> None:
        store = getattr(getattr(self.config.loaded_app, "app", None), "state", None)
        super().handle_exit(sig, frame)  # type: ignore[arg-type]
        if store is not None and (sandbox := getattr(store, "sandbox", None)) is not None:
            sandbox.end_streams()


def serve(settings: Settings) -> int:
    """Serve until SIGTERM; requests under way are answered first. Returns the exit code."""
    host, _, port = settings.bind.rpartition(":")
    config = uvicorn.Config(
        create_app(settings),
        host=host.strip("[]"),
        port=int(port),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=10,
        timeout_keep_alive=75,
        backlog=2048,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1
