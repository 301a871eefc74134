"""`konstruct operator`: the people who run this installation."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

from konstruct.cli.context import DataDir, running_settings, with_database
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.kit.text import storable
from konstruct.tenants import operators
from konstruct.tenants.operators_repository import Operator

app = typer.Typer(help="The people who run this installation.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="The operator's name.")]


@app.command()
def create(name: Name, json: Json = False, data_dir: DataDir = None) -> None:
    """Make an operator, and a one-time sign-in link for it."""
    settings = running_settings(data_dir)
    if storable(name) != name:
        raise KonstructError("a name is text in UTF-8: the argument holds something else")

    async def work(db: Database, _: object) -> tuple[Operator, str]:
        operator = await operators.create_operator(db, name)
        return operator, await operators.create_link(db, operator.name, settings.public_url)

    operator, address = with_database(settings, work)
    if json:
        typer.echo(jsonlib.dumps({"operator_id": str(operator.id), "sign_in_url": address}))
    else:
        typer.echo(f"operator {operator.id}\nsign in  {address}")


@app.command()
def link(name: Name, data_dir: DataDir = None) -> None:
    """Print a new one-time sign-in link for an operator."""
    settings = running_settings(data_dir)
    typer.echo(with_database(settings, lambda db, _: operators.create_link(db, name, settings.public_url)))


@app.command(name="list")
def list_all(json: Json = False, data_dir: DataDir = None) -> None:
    """List the operators by name."""
    listed = with_database(running_settings(data_dir), lambda db, _: operators.list_operators(db))
    if json:
        rows = [
            {
                "operator_id": str(found.id),
                "name": found.name,
                "created_at": found.created_at.isoformat(),
                "last_seen_at": found.last_seen_at.isoformat() if found.last_seen_at else None,
                "sessions": found.sessions,
            }
            for found in listed
        ]
        typer.echo(jsonlib.dumps(rows))
    for found in listed if not json else ():
        seen = f"{found.last_seen_at:%Y-%m-%d %H:%M}" if found.last_seen_at else "never"
        typer.echo(f"{found.id}  signed in {seen:<16}  {found.name}")


@app.command()
def remove(name: Name, data_dir: DataDir = None) -> None:
    """Take an operator away and end its sessions at once. What was logged of it stays."""
    with_database(running_settings(data_dir), lambda db, _: operators.remove_operator(db, name))
    typer.echo(f"{name} is no operator any more")
