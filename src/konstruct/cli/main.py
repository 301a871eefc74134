"""The `konstruct` command."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import structlog
import typer
from typer.exceptions import TyperException

from konstruct.cli.context import DataDir, process_settings, running_settings
from konstruct.cli.startup import check_embedded, check_keyring
from konstruct.kit.errors import KonstructError
from konstruct.kit.log_errors import error_name

log = structlog.get_logger()

NAME = "konstruct"
app = typer.Typer(
    name=NAME,
    help="AI employees for businesses, in Slack and WhatsApp.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Port of the portal and the webhooks.", min=1, max=65535)] = 8400,
    data_dir: DataDir = None,
) -> None:
    """Start everything on embedded parts: PostgreSQL, Valkey, web, worker and beat."""
    from konstruct.local.up import up as run_up

    raise typer.Exit(asyncio.run(run_up(port, data_dir, check_embedded)))


@app.command()
def web() -> None:
    """Serve webhooks, pages and health."""
    settings = process_settings("web")
    asyncio.run(check_keyring(settings))
    from konstruct.web.server import serve

    raise typer.Exit(serve(settings))


@app.command()
def worker() -> None:
    """Run turns and sends."""
    settings = process_settings("worker")
    asyncio.run(check_keyring(settings))
    from konstruct.cli.handlers import build_handlers
    from konstruct.jobs.worker import run_worker

    raise typer.Exit(run_worker(settings, build_handlers))


@app.command()
def beat() -> None:
    """Run the periodic jobs; one process of it is enough."""
    settings = process_settings("beat")
    from konstruct.jobs.beat import run_beat

    raise typer.Exit(run_beat(settings))


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    check: Annotated[list[str] | None, typer.Option(help="Make this check only; may be given several times.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Check the running system for what looks done but is not; exit 1 if any check is false."""
    from konstruct.cli.doctor import doctor as run_doctor

    # The probe of a failing model is no event of this installation: its warnings would only frighten.
    raise typer.Exit(run_doctor(running_settings(data_dir, "ERROR"), json, check or ()))


@app.command()
def dsn(
    role: Annotated[str, typer.Option(help="app, fleet or owner (which may become the owner; embedded only).")],
    data_dir: DataDir = None,
) -> None:
    """Print the address of the running database for a role."""
    settings = running_settings(data_dir)
    fields = {"app": "database_url", "fleet": "fleet_database_url", "owner": "owner_database_url"}
    if role not in fields:
        raise KonstructError(f"there is no role {role!r}: choose app, fleet or owner")
    settings.need(fields[role])
    typer.echo(getattr(settings, fields[role]).get_secret_value())


def _add_groups() -> None:
    from konstruct.cli import channel, database, document, keys, operator, tenant

    app.command(name="migrate")(database.migrate)
    app.add_typer(tenant.app, name="tenant")
    app.add_typer(operator.app, name="operator")
    app.add_typer(channel.app, name="channel")
    app.add_typer(document.app, name="document")
    app.add_typer(keys.app, name="keys")


_add_groups()


def run() -> None:
    """Run the command; what an operator did wrong, and what goes wrong, ends in one line.

    The exit code is then 1, or 2 for a command line that nobody understands.
    """
    try:
        code = app(prog_name=NAME, standalone_mode=False)
    except TyperException as error:
        _say_usage(error)
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(1)
    except KonstructError as error:
        print(f"konstruct: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        # The log says where, without the values that a traceback would show.
        if structlog.is_configured():
            log.critical("command_failed", exc_info=error)
        print(f"konstruct: failed with {error_name(error)}", file=sys.stderr)
        sys.exit(1)
    if code:
        sys.exit(code)


def _say_usage(error: TyperException) -> None:
    """Say what is wrong with the command line, and where the right one is described."""
    said = " ".join(error.format_message().split()).rstrip(".")
    if said:  # Without any argument at all the help has been printed, and there is nothing to add.
        context: typer.Context | None = getattr(error, "ctx", None)
        command = context.command_path if context else NAME
        print(f"konstruct: {said[0].lower()}{said[1:]} (see {command} --help)", file=sys.stderr)


if __name__ == "__main__":
    run()
