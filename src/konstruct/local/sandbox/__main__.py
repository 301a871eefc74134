"""`python -m konstruct.local.sandbox`: the strict fakes of Slack and Meta as a process of their own."""

from __future__ import annotations

from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
import uvicorn

from konstruct.local.sandbox.app import sandbox_app
from konstruct.local.sandbox.meta.application import UNKNOWN_APP, MetaApplication
from konstruct.local.sandbox.store import SandboxStore


class _Server(uvicorn.Server):
    """Ends the live streams before it waits for connections to close."""

    store: SandboxStore

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.store.end_streams()
        super().handle_exit(sig, frame)


def serve(
    port: Annotated[int, typer.Option(help="loopback port to listen on")],
    webhook_base: Annotated[str, typer.Option(help="where the app's webhooks are, such as http://127.0.0.1:8400")],
    store: Annotated[Path, typer.Option(help="SQLite file of its state")],
    signing_secret: Annotated[str, typer.Option(help="signing secret that the app verifies with")],
    public_url: Annotated[str, typer.Option(help="address that browsers know the app by; else that of its webhooks")] = "",
    app_secret: Annotated[str, typer.Option(help="secret of the Meta app, that signs WhatsApp's webhooks")] = UNKNOWN_APP.secret,
    retry_delays: Annotated[str, typer.Option(help="seconds before each retry of an event")] = "0,60,300",
) -> None:
    """Serve the simulated Slack and WhatsApp on 127.0.0.1 until SIGINT or SIGTERM."""
    opened = SandboxStore(store)
    delays = tuple(float(part) for part in retry_delays.split(","))
    own_url = f"http://127.0.0.1:{port}"
    addresses = {"public_url": public_url or None, "own_url": own_url}
    whatsapp = MetaApplication(app_secret)
    app = sandbox_app(opened, signing_secret, webhook_base, retry_delays_s=delays, whatsapp=whatsapp, **addresses)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", timeout_graceful_shutdown=2)
    server = _Server(config)
    server.store = opened
    try:
        server.run()
    finally:
        opened.close()


if __name__ == "__main__":
    typer.run(serve)
