"""A command that names what does not exist, or says what cannot be, ends in a clear line and changes nothing."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from uuid import uuid4

import pytest

from tests.bad_input.conftest import ROOT, Ended, Konstruct

STRANGER = str(uuid4())
COMMANDS = ("tenant", "create", "suspend", "list", "channel", "connect", "slack", "dsn", "up", "migrate")
SLACK = ("--team", "T0STRANGER", "--app", "A1", "--bot-user", "U1", "--bot-token", "xoxb-hunter2")


def refused(ended: Ended, named: str) -> None:
    """Check that one line says what is wrong."""
    assert ended.code == 1, ended
    assert ended.out == ""
    (line,) = ended.said
    assert line.startswith("konstruct: ")
    assert named in line
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "argv",
    [
        ("tenant", "suspend", "{id}"),
        ("tenant", "resume", "{id}"),
        ("channel", "connect", "slack", "--tenant", "{id}", *SLACK),
        ("keys", "rotate-tenant", "--tenant", "{id}"),
        ("keys", "shred", "--tenant", "{id}", "--yes"),
        ("tenant", "export", "{id}", "--out", "never-made.zip"),
        ("tenant", "erase", "{id}", "--confirm", "Shop"),
    ],
)
def test_a_tenant_that_does_not_exist(konstruct: Konstruct, argv: tuple[str, ...]) -> None:
    for wrong in (STRANGER, "nonsense", "", "1; DROP TABLE tenants"):
        refused(konstruct(*(part.format(id=wrong) for part in argv)), repr(wrong) if wrong != STRANGER else wrong)


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("tenant", "create", ""), "name"),
        (("tenant", "create", " "), "name"),
        (("tenant", "create", "n" * 201), "200"),
        (("tenant", "create", "Shop", "--employee", ""), "employee"),
        (("tenant", "create", "Shop", "--employee", "e" * 101), "100"),
        (("tenant", "create", "Shop", "--persona", " "), "persona"),
        (("tenant", "create", "Shop", "--persona", "p" * 100_001), "100000"),
        (("tenant", "create", "not \udcff UTF-8"), "UTF-8"),
        (("tenant", "list", "--data-dir", "nowhere"), "nowhere"),
        (("keys", "shred", "--tenant", STRANGER), "--yes"),
        (("dsn", "--role", "admin"), "'admin'"),
    ],
)
def test_an_argument_that_cannot_be(konstruct: Konstruct, argv: tuple[str, ...], named: str) -> None:
    before = konstruct("tenant", "list").out
    refused(konstruct(*argv), named)
    assert konstruct("tenant", "list").out == before


def test_a_slack_account_that_cannot_be(konstruct: Konstruct) -> None:
    tenant = json.loads(konstruct("tenant", "create", "Alpha Bikes", "--json").out)["tenant_id"]
    good = dict(zip(SLACK[::2], SLACK[1::2], strict=True))
    for option, wrong in [
        ("--team", ""),
        ("--team", "T 1"),
        ("--team", "T" * 65),
        ("--app", "x\n"),
        ("--bot-user", "@bot"),
        ("--bot-token", ""),
        ("--bot-token", "xoxb with blanks"),
    ]:
        options = [part for pair in (good | {option: wrong}).items() for part in pair]
        refused(konstruct("channel", "connect", "slack", "--tenant", tenant, *options), option)


def whatsapp(**changes: str) -> tuple[str, ...]:
    """Return the options of a number of its own."""
    mark = str(uuid4().int)[:14]
    good = {"waba": f"1{mark}", "phone-number-id": f"2{mark}", "number": "+49 (30) 123-4567", "token": "EAAhunter2"} | changes
    return tuple(part for name, value in good.items() for part in (f"--{name}", value))


def test_a_number_that_cannot_be(konstruct: Konstruct) -> None:
    tenant = json.loads(konstruct("tenant", "create", "Alpha Bikes", "--json").out)["tenant_id"]
    for option, wrong in [
        ("waba", ""),
        ("waba", "W1"),
        ("waba", "1" * 31),
        ("phone-number-id", "+49301234567"),
        ("phone-number-id", "१२३"),
        ("portfolio", "acme"),
        ("number", ""),
        ("number", "12"),
        ("number", "+49 30 CALL ME"),
        ("number", "1" * 16),
        ("token", ""),
        ("token", "EAA with blanks"),
    ]:
        refused(konstruct("channel", "connect", "whatsapp", "--tenant", tenant, *whatsapp(**{option: wrong})), f"--{option}")


def test_a_number_of_another_business(konstruct: Konstruct) -> None:
    """Neither the number, nor another one of its account, nor another account of its portfolio. Reconnecting is fine."""
    first, second = (json.loads(konstruct("tenant", "create", name, "--json").out)["tenant_id"] for name in ("Alpha", "Beta"))
    connect = ("channel", "connect", "whatsapp", "--tenant")
    own = whatsapp(portfolio=str(uuid4().int)[:15])
    ids = dict(zip(own[::2], own[1::2], strict=True))
    once = konstruct(*connect, first, *own)
    assert once.code == 0 and "doctor" in once.out and "EAAhunter2" not in once.out + once.err
    assert konstruct(*connect, first, *own).out == once.out, "the same account again"
    taken = ("connected to another business",)
    for stolen in ("phone-number-id", "waba", "portfolio"):
        refused(konstruct(*connect, second, *whatsapp(**{stolen: ids[f"--{stolen}"]})), *taken)
    assert konstruct(*connect, second, *whatsapp()).code == 0, "the control"
    assert konstruct(*connect, first, *whatsapp(waba=ids["--waba"])).code == 0, "a second number of one's own account"


def test_an_account_of_another_business(konstruct: Konstruct) -> None:
    first, second = (json.loads(konstruct("tenant", "create", name, "--json").out)["tenant_id"] for name in ("Alpha", "Beta"))
    team = f"T{uuid4().hex[:10].upper()}"
    slack = ("--team", team, *SLACK[2:])
    assert konstruct("channel", "connect", "slack", "--tenant", first, *slack).code == 0
    refused(konstruct("channel", "connect", "slack", "--tenant", second, *slack), team)


def test_an_export_is_a_new_whole_file_of_its_owners(konstruct: Konstruct, tmp_path: Path) -> None:
    first, second = (json.loads(konstruct("tenant", "create", name, "--json").out)["tenant_id"] for name in ("Alpha", "Beta"))
    file = tmp_path / "alpha.zip"
    ended = konstruct("tenant", "export", first, "--out", str(file))
    assert (ended.code, "Traceback" in ended.err) == (0, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with zipfile.ZipFile(file) as archive:
        whole = b"".join(archive.read(name) for name in archive.namelist()).decode()
    assert first in whole and '"Alpha"' in whole and second not in whole and '"Beta"' not in whole
    before = file.read_bytes()
    refused(konstruct("tenant", "export", second, "--out", str(file)), "alpha.zip")
    refused(konstruct("tenant", "export", second, "--out", str(tmp_path / "nowhere" / "x.zip")), "x.zip")
    assert file.read_bytes() == before and [path.name for path in tmp_path.glob("*.zip*")] == ["alpha.zip"]


def test_erasing_needs_the_exact_name_and_is_for_good(konstruct: Konstruct) -> None:
    first, second = (json.loads(konstruct("tenant", "create", name, "--json").out)["tenant_id"] for name in ("Alpha", "Beta"))
    for wrong in ("", "alpha", "Alpha!", "Beta"):
        refused(konstruct("tenant", "erase", first, "--confirm", wrong), "exact name")
    assert first in konstruct("tenant", "list").out
    ended = konstruct("tenant", "erase", first, "--confirm", "Alpha")
    assert ended.code == 0 and f"{first} is erased" in ended.out and "its key is destroyed" in ended.err
    listed = konstruct("tenant", "list").out
    assert first not in listed and second in listed
    refused(konstruct("tenant", "erase", first, "--confirm", "Alpha"), first)


def test_erasing_without_valkey_is_not_done_and_goes_on_later(konstruct: Konstruct) -> None:
    tenant = json.loads(konstruct("tenant", "create", "Alpha", "--json").out)["tenant_id"]
    ended = konstruct("tenant", "erase", tenant, "--confirm", "Alpha", REDIS_URL="redis://127.0.0.1:1/0")
    assert ended.code == 1 and "KONSTRUCT_REDIS_URL" in ended.said[-1]
    assert "erasing" in konstruct("tenant", "list").out
    refused(konstruct("tenant", "resume", tenant), tenant)
    assert konstruct("tenant", "erase", tenant, "--confirm", "Alpha").code == 0
    assert tenant not in konstruct("tenant", "list").out


@pytest.mark.parametrize(
    ("argv", "named"),
    [
        (("nonsense",), "nonsense"),
        (("tenant", "create"), "name"),
        (("tenant", "suspend"), "tenant"),
        (("tenant", "list", "extra"), "extra"),
        (("channel", "connect", "irc"), "irc"),
        (("channel", "connect", "slack", "--tenant", STRANGER), "--team"),
        (("dsn",), "--role"),
        (("up", "--port", "0"), "--port"),
        (("up", "--port", "99999"), "65535"),
        (("up", "--port", "http"), "--port"),
        (("migrate", "--nonsense"), "--nonsense"),
    ],
)
def test_a_command_line_that_nobody_understands(konstruct: Konstruct, argv: tuple[str, ...], named: str) -> None:
    ended = konstruct(*argv)
    assert (ended.code, ended.out) == (2, "")
    (line,) = ended.err.splitlines()
    command = " ".join(["konstruct", *(part for part in argv if part in COMMANDS)])
    assert line.startswith("konstruct: ") and line.endswith(f" (see {command} --help)")
    assert named in line.lower()


def test_no_command_at_all(konstruct: Konstruct) -> None:
    ended = konstruct()
    assert (ended.code, ended.err) == (2, "")
    assert "Usage: konstruct " in ended.out


def test_the_installed_command_itself(environment: dict[str, str]) -> None:
    """The others run in forks of one process; this one is started as an operator starts it."""
    command = [sys.executable, "-m", "konstruct.cli.main", "tenant", "suspend", STRANGER]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    refused(Ended(ended.returncode, ended.stdout, ended.stderr), STRANGER)
    wrong = subprocess.run([*command[:3], "foo"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert wrong.stderr == "konstruct: no such command 'foo' (see konstruct --help)\n"
    assert wrong.returncode == 2
