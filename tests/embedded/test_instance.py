"""The data folder: closed to others, locked for one, and telling other commands where the instance runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from konstruct.kit.errors import KonstructError, SettingsError
from konstruct.local.environment import base_environment, child_environment, load_secrets
from konstruct.local.files import read_json, write_private
from konstruct.local.instance import DataFolder, Instance, forget_instance, load_instance, save_instance, settings_of
from konstruct.local.process import own_mark


def note(**changes: object) -> Instance:
    values: dict[str, object] = {**own_mark(), "portal": "http://127.0.0.1:8400", "ports": {"web": 8400}, "env": {}, **changes}
    return Instance(**values)  # type: ignore[arg-type]


def test_the_folder_and_its_files_are_private(tmp_path: Path) -> None:
    folder = DataFolder.take(tmp_path / "new" / "data")
    save_instance(folder.path, note())
    load_secrets(folder.path / "secrets.json")
    folder.release()
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.path.iterdir()} == {
        "up.lock": 0o600,
        "instance.json": 0o600,
        "secrets.json": 0o600,
    }


def test_a_second_up_is_told_in_one_line_where_the_first_runs(tmp_path: Path) -> None:
    folder = DataFolder.take(tmp_path)
    save_instance(tmp_path, note())
    with pytest.raises(KonstructError, match=r"already runs on .* \(http://127.0.0.1:8400, process \d+\)") as caught:
        DataFolder.take(tmp_path)
    assert "\n" not in str(caught.value)
    folder.release()
    DataFolder.take(tmp_path).release()


def test_a_folder_with_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(KonstructError, match="holds something else"):
        DataFolder.take(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_path_that_cannot_be_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(KonstructError, match=r"cannot use .*file/data: Not a directory"):
        DataFolder.take(tmp_path / "file" / "data")


def test_commands_find_the_running_instance_and_its_settings(tmp_path: Path) -> None:
    save_instance(tmp_path, note(env={"KONSTRUCT_LEASE_S": "3", "KONSTRUCT_REDIS_URL": "redis://here"}))
    found = load_instance(tmp_path)
    assert found.settings.lease_s == 3
    assert "redis://here" not in repr(found), "a log line must not carry the logins"
    forget_instance(tmp_path)
    with pytest.raises(KonstructError, match="no instance runs on"):
        load_instance(tmp_path)


def test_the_note_of_a_killed_instance_does_not_count(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    # Its number may since belong to a stranger, which only the start time tells.
    for change in ({"pid": gone.pid}, {"started": own_mark()["started"] - 60}):
        save_instance(tmp_path, note(**change))
        with pytest.raises(KonstructError, match="no instance runs on"):
            load_instance(tmp_path)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "note.json"
    write_private(target, {"a": 1})
    with pytest.raises(TypeError):
        write_private(target, {"a": object()})
    assert read_json(target) == {"a": 1}
    target.write_text('{"a": ')
    assert read_json(target) is None


def test_secrets_are_made_once_and_differ_between_instances(tmp_path: Path) -> None:
    first = load_secrets(tmp_path / "a.json")
    assert load_secrets(tmp_path / "a.json") == first
    other = load_secrets(tmp_path / "b.json")
    assert len(set(first.values()) | set(other.values())) == len(first) + len(other)


def test_the_users_variables_win_except_where_the_embedded_parts_decide(tmp_path: Path) -> None:
    user = {
        "KONSTRUCT_SLACK_API_URL": "http://127.0.0.1:9/api/",
        "KONSTRUCT_LLM_URL": "http://127.0.0.1:11434/v1",
        "KONSTRUCT_DATABASE_URL": "postgresql://elsewhere/production",
        "KONSTRUCT_BIND": "0.0.0.0:80",
        "HOME": "/nowhere",
    }
    env = base_environment(tmp_path, 8500, "shh", user)
    assert env["KONSTRUCT_SLACK_API_URL"] == "http://127.0.0.1:9/api/"
    assert env["KONSTRUCT_LLM_BACKEND"] == "openai_compat"
    assert env["KONSTRUCT_BIND"] == "127.0.0.1:8500"
    assert "KONSTRUCT_DATABASE_URL" not in env
    assert "KONSTRUCT_SLACK_CLIENT_ID" not in env, "another Slack does not know the sandbox's app"
    assert "HOME" not in env
    plain = base_environment(tmp_path, 8500, "shh", {})
    assert plain["KONSTRUCT_SLACK_API_URL"] == "http://127.0.0.1:8500/sandbox/slack/api/"
    assert plain["KONSTRUCT_LLM_BACKEND"] == "demo"
    assert settings_of(plain).sandbox and settings_of(plain).slack_client_id and settings_of(plain).slack_client_secret


def test_only_beat_may_become_the_owner() -> None:
    env = {"KONSTRUCT_OWNER_DATABASE_URL": "postgresql://maintenance@here/konstruct"}
    inherited = {"KONSTRUCT_OWNER_DATABASE_URL": "postgresql://maintenance@there/konstruct", "PATH": "p"}
    assert child_environment("beat", inherited, env) == {"PATH": "p", **env}
    for name in ("web", "worker"):
        assert child_environment(name, inherited, env) == {"PATH": "p"}


def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^KONSTRUCT_LEASE_S is wrong: [^\n]+$"):
        settings_of(base_environment(tmp_path, 8400, "shh", {"KONSTRUCT_LEASE_S": "soon"}))
