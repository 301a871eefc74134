"""`konstruct migrate`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer

from konstruct.cli.context import process_settings
from konstruct.cli.startup import is_database_address
from konstruct.db.database import Database
from konstruct.db.probe import accepts
from konstruct.kit.errors import KonstructError, SettingsError, StorageUnavailableError
from konstruct.kit.log_errors import error_name
from konstruct.kit.settings import PREFIX, Settings
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.tenants_repository import directory

ADMIN = PREFIX + "ADMIN_DATABASE_URL"


def migrate(
    bootstrap: Annotated[bool, typer.Option(help=f"First make roles and database, as the administrator of {ADMIN}.")] = False,
) -> None:
    """Bring the database to this version."""
    settings = process_settings("migrate")
    from konstruct.db.migrate import migrate as run_migrations

    if bootstrap:
        asyncio.run(_bootstrap(settings))
    assert settings.owner_database_url
    address = settings.owner_database_url.get_secret_value()
    with _named(PREFIX + "OWNER_DATABASE_URL"):
        asyncio.run(_reach(address))
        applied = run_migrations(address)
    typer.echo(f"applied: {', '.join(applied)}" if applied else "up to date")
    if bootstrap and settings.keyring is not None and asyncio.run(_make_first_keyring(settings)):
        typer.echo("made the key ring: back it up apart from the database")


@contextmanager
def _named(variable: str) -> Iterator[None]:
    """Turn what a server refuses into one line that names the variable. A driver's own text may quote values."""
    try:
        yield
    except KonstructError as error:
        raise KonstructError(f"{variable}: {error}") from error
    except Exception as error:
        raise KonstructError(f"{variable}: its login may not do this, or its server failed ({error_name(error)})") from error


async def _reach(address: str) -> None:
    if not await accepts(address):
        raise StorageUnavailableError("the server does not answer")


async def _make_first_keyring(settings: Settings) -> bool:
    """Make the key ring of a new installation; one that has tenants must get its own ring back from a backup instead."""
    db = await Database.open(settings, pool=1)
    try:
        return not await directory(db) and await open_key_provider(settings).init()
    finally:
        await db.close()


async def _bootstrap(settings: Settings) -> None:
    """Make the three logins with the passwords that their addresses carry."""
    from konstruct.db.bootstrap import APP, FLEET, MAINTENANCE, RolePasswords
    from konstruct.db.bootstrap import bootstrap as prepare

    admin = os.environ.get(ADMIN)
    if not admin:
        raise SettingsError(f"{ADMIN} is not set: the address of a login that may create roles and databases")
    settings.need("database_url", "fleet_database_url")
    app, database = _login(settings, "database_url", APP)
    fleet, fleet_database = _login(settings, "fleet_database_url", FLEET)
    maintenance, owner_database = _login(settings, "owner_database_url", MAINTENANCE)
    if not database == fleet_database == owner_database:
        raise SettingsError("the three database addresses must name the same database")
    if not is_database_address(admin):
        raise SettingsError(f"{ADMIN} is wrong: it must look like postgresql://user:password@host:5432/database")
    with _named(ADMIN):
        await _reach(admin)
        await prepare(admin, database=database, passwords=RolePasswords(app, fleet, maintenance))


def _login(settings: Settings, field: str, role: str) -> tuple[str, str]:
    parts = urlsplit(getattr(settings, field).get_secret_value())
    name = PREFIX + field.upper()
    if parts.username != role:
        raise SettingsError(f"{name} must log in as {role}")
    if not parts.password or not parts.path.strip("/"):
        raise SettingsError(f"{name} must carry the password and the database's name")
    return unquote(parts.password), unquote(parts.path.strip("/"))
