"""Operators by command line: made, listed, taken away; each mistake is one line."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from konstruct.cli.main import app
from konstruct.db.database import Database
from konstruct.kit.errors import KonstructError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants import operators
from konstruct.tenants.vault import Vault


@pytest.fixture
def konstruct(settings: Settings, house_vault: Vault, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command in an environment that names the test's servers."""
    for name, value in settings.model_dump(exclude_none=True).items():
        shown = value.get_secret_value() if hasattr(value, "get_secret_value") else value
        monkeypatch.setenv(f"KONSTRUCT_{name.upper()}", str(shown))
    # The command configures the logs of its process, which is the test's.
    monkeypatch.setattr("konstruct.kit.log.configure", lambda *_: None)
    return CliRunner()


def _say(konstruct: CliRunner, *words: str) -> str:
    said = konstruct.invoke(app, ["operator", *words], catch_exceptions=False).stdout
    # Without the process's own configuration, log lines go where the answer goes.
    return "".join(line for line in said.splitlines(keepends=True) if " [info " not in line)


def _name() -> str:
    return f"Olga {uuid7().hex[-12:]}"


def test_an_operator_is_made_with_a_link_listed_and_removed(konstruct: CliRunner, settings: Settings) -> None:
    name = _name()
    made = json.loads(_say(konstruct, "create", name, "--json"))
    assert made["sign_in_url"].startswith(f"{settings.public_url}/operator/sign-in/")
    assert _say(konstruct, "link", name).strip().startswith(f"{settings.public_url}/operator/sign-in/")
    assert f"{made['operator_id']}  signed in never             {name}\n" in _say(konstruct, "list")

    async def sign_in() -> str | None:
        db = await Database.open(settings, pool=1)
        try:
            return await operators.use_link(db, made["sign_in_url"].rsplit("/", 1)[1])
        finally:
            await db.close()

    assert asyncio.run(sign_in())
    (found,) = [row for row in json.loads(_say(konstruct, "list", "--json")) if row["name"] == name]
    assert (found["sessions"], found["last_seen_at"] is not None) == (1, True)
    assert _say(konstruct, "remove", name) == f"{name} is no operator any more\n"
    assert name not in _say(konstruct, "list")


def test_the_plain_output_names_the_operator_and_the_link(konstruct: CliRunner) -> None:
    first, second = _say(konstruct, "create", _name()).splitlines()
    assert (first[:9], second[:9]) == ("operator ", "sign in  ")


def test_mistakes_are_named(konstruct: CliRunner) -> None:
    name = _name()
    _say(konstruct, "create", name)
    for words, said in (
        (["create", name], "there is an operator of that name"),
        (["create", " "], "1 to 100 characters"),
        (["create", "x" * 101], "1 to 100 characters"),
        (["link", "nobody"], "there is no operator of that name"),
        (["remove", "nobody"], "there is no operator of that name"),
    ):
        refused = konstruct.invoke(app, ["operator", *words])
        assert isinstance(refused.exception, KonstructError)
        assert said in str(refused.exception)
