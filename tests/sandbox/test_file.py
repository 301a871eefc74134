"""The sandbox's file over time: an earlier version is brought up to date, a later one is left alone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from konstruct.local.sandbox.businesses import FERNWOOD, add_businesses
from konstruct.local.sandbox.schema import STEPS
from konstruct.local.sandbox.store import SandboxStore
from konstruct.local.sandbox.unconnected import HARBOR, add_unconnected

_OLD = (
    "INSERT INTO workspaces VALUES ('T0FERNWOOD1', 'fernwood', 'Fernwood', '', 'A0KONSTRUCT', 'U0FERNBOT01', 'B0FERNBOT01',"
    " 'xoxb-sandbox-fernwood-cycles', 'Robin', 'Care', 2)",
    "INSERT INTO users VALUES ('T0FERNWOOD1', 'U0FERNTOM01', 'Tom', 'Workshop'), ('T0FERNWOOD1', 'U0FERNANNA1', 'Anna', '')",
    "INSERT INTO channels VALUES ('C0FERNFRONT', 'T0FERNWOOD1', 'channel', 'front-desk', '', NULL, 0, 1)",
    "INSERT INTO messages VALUES ('C0FERNFRONT', '1700000000.000001', NULL, 'U0FERNTOM01', 0, 'hello', NULL, '[]', NULL,"
    " NULL, 0)",
    "INSERT INTO tenants VALUES ('T0FERNWOOD1', '00000000-0000-0000-0000-000000000007', 1)",
)


def old_file(path: Path) -> None:
    """Make a file as the sandbox wrote it before it had a version."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA foreign_keys = ON")
    for statement in (*STEPS[0], *_OLD):
        connection.execute(statement)
    connection.commit()
    connection.close()


def test_a_file_without_a_version_keeps_what_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    old_file(path)
    for opened in range(2):
        store = SandboxStore(path)
        add_businesses(store)
        add_unconnected(store)
        team = FERNWOOD.workspace.team_id
        assert [message.text for message in store.messages.roots("C0FERNFRONT", 5)] == ["hello"], opened
        assert [person.user_id for person in store.workspaces.people(team)][:2] == ["U0FERNTOM01", "U0FERNANNA1"]
        seeded = store.records.tenant_of(team)
        assert seeded is not None and seeded.finished
        assert {standing.team_id for standing in store.installations.all()} == {team, "T0MARLOWC01"}
        assert store.installations.token(FERNWOOD.workspace.bot_token) is not None
        assert store.workspaces.by_team(HARBOR.workspace.team_id) == HARBOR.workspace
        store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA user_version").fetchone()[0] == len(STEPS)
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    SandboxStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    connection.commit()
    connection.close()
    with pytest.raises(sqlite3.DatabaseError, match="version"):
        SandboxStore(path)
