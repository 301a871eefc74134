"""A wrong or missing setting ends a process at its start, with one line that names the variable."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from konstruct.db.bootstrap import RoleUrls
from tests.bad_input.conftest import Ended, Konstruct

SECRET = "hunter2hunter2"
NOBODY = f"postgresql://konstruct_app:{SECRET}@127.0.0.1:1/k"


def refused(ended: Ended, variable: str) -> str:
    """Check that one line names the variable, without the value's secret; return the line."""
    assert ended.code == 1, ended
    assert ended.out == ""
    (line,) = ended.said
    assert line.startswith("konstruct: ")
    assert f"KONSTRUCT_{variable}" in line
    assert "Traceback" not in ended.err
    assert SECRET not in ended.err
    return line


@pytest.mark.parametrize(
    ("process", "variable"),
    [
        ("web", "DATABASE_URL"),
        ("web", "FLEET_DATABASE_URL"),
        ("web", "BROKER_URL"),
        ("web", "KEYRING"),
        ("web", "SLACK_SIGNING_SECRET"),
        ("worker", "DATABASE_URL"),
        ("worker", "FLEET_DATABASE_URL"),
        ("worker", "BROKER_URL"),
        ("worker", "KEYRING"),
        ("worker", "LLM_BACKEND"),
        ("beat", "DATABASE_URL"),
        ("beat", "OWNER_DATABASE_URL"),
        ("beat", "BROKER_URL"),
        ("migrate", "OWNER_DATABASE_URL"),
    ],
)
def test_missing(konstruct: Konstruct, process: str, variable: str) -> None:
    assert "is not set" in refused(konstruct(process, **{variable: None}), variable)


@pytest.mark.parametrize(
    ("process", "variable", "value"),
    [
        ("web", "DATABASE_URL", "nonsense"),
        ("web", "DATABASE_URL", ""),
        ("web", "DATABASE_URL", f"mysql://app:{SECRET}@host/k"),
        ("web", "DATABASE_URL", f"postgresql://app:{SECRET}@host:port/k"),
        ("web", "FLEET_DATABASE_URL", "postgresql://"),
        ("web", "BROKER_URL", "nonsense"),
        ("web", "BROKER_URL", f"ftp://user:{SECRET}@host/"),
        ("worker", "BROKER_URL", f"redis://:{SECRET}@host:port/0"),
        ("beat", "BROKER_URL", ""),
        ("beat", "OWNER_DATABASE_URL", "nonsense"),
        ("migrate", "OWNER_DATABASE_URL", "http://host/"),
        ("web", "REDIS_URL", "nonsense"),
        ("worker", "REDIS_URL", "localhost:6379"),
        ("web", "PUBLIC_URL", "konstruct.example"),
        ("worker", "SLACK_API_URL", "nonsense"),
        ("worker", "SLACK_API_URL", ""),
        ("web", "SMTP_URL", "nonsense"),
        ("worker", "SMTP_URL", f"smtp://user:{SECRET}@host:port"),
        ("worker", "MAIL_FROM", "nobody"),
        ("web", "SLACK_SIGNING_SECRET", "  "),
        ("web", "KEYRING", ""),
        ("worker", "KEYRING", "vault:secret/keys"),
        ("worker", "ROOT_KEY", SECRET),
    ],
)
def test_bad_address_or_secret(konstruct: Konstruct, process: str, variable: str, value: str) -> None:
    assert "is wrong" in refused(konstruct(process, **{variable: value}), variable)


@pytest.mark.parametrize(
    ("process", "variable", "value"),
    [
        ("web", "DATABASE_POOL", "many"),
        ("web", "DATABASE_POOL", "0"),
        ("web", "BURST_S", "-1"),
        ("web", "BURST_S", "inf"),
        ("worker", "LEASE_S", "0"),
        ("worker", "LEASE_S", "soon"),
        ("worker", "TURN_DEADLINE_S", "nan"),
        ("worker", "TURN_ATTEMPTS", "1.5"),
        ("worker", "WORKER_TURNS", "0"),
        ("worker", "LLM_TIMEOUT_S", "-3"),
        ("web", "BIND", "127.0.0.1"),
        ("web", "BIND", "127.0.0.1:99999"),
        ("web", "BIND", "256.256.256.256:80"),
        ("web", "ENV", "prod"),
        ("beat", "LOG_LEVEL", "loud"),
        ("worker", "LLM_BACKEND", "gpt"),
    ],
)
def test_bad_number_or_word(konstruct: Konstruct, process: str, variable: str, value: str) -> None:
    assert "is wrong" in refused(konstruct(process, **{variable: value}), variable)


def test_a_model_server_without_its_name_or_with_a_bad_address(konstruct: Konstruct) -> None:
    refused(konstruct("worker", LLM_BACKEND="openai_compat"), "LLM_URL")
    refused(konstruct("worker", LLM_BACKEND="openai_compat", LLM_URL="http://127.0.0.1:1/v1"), "LLM_MODEL")
    refused(konstruct("worker", LLM_BACKEND="openai_compat", LLM_URL="nonsense", LLM_MODEL="m"), "LLM_URL")
    refused(konstruct("worker", ENV="production", LLM_BACKEND="demo"), "LLM_BACKEND")


@pytest.mark.parametrize("process", ["web", "worker", "beat", "migrate"])
def test_a_server_that_is_not_there_or_refuses_the_login(konstruct: Konstruct, urls: RoleUrls, process: str) -> None:
    variable = "OWNER_DATABASE_URL" if process == "migrate" else "DATABASE_URL"
    refused(konstruct(process, **{variable: NOBODY}), variable)
    login = urlsplit(urls.app)
    wrong = login._replace(netloc=f"konstruct_app:{SECRET}@{login.hostname}:{login.port}").geturl()
    refused(konstruct(process, **{variable: wrong}), variable)


def test_a_login_of_another_role(konstruct: Konstruct, urls: RoleUrls) -> None:
    refused(konstruct("web", DATABASE_URL=urls.fleet), "DATABASE_URL")
    refused(konstruct("worker", FLEET_DATABASE_URL=urls.app), "FLEET_DATABASE_URL")
    refused(konstruct("migrate", OWNER_DATABASE_URL=urls.app), "OWNER_DATABASE_URL")


def test_an_address_that_is_taken(konstruct: Konstruct, urls: RoleUrls) -> None:
    taken = urlsplit(urls.app)
    refused(konstruct("web", BIND=f"{taken.hostname}:{taken.port}"), "BIND")


@pytest.mark.parametrize("process", ["web", "worker"])
def test_a_key_ring_that_is_lost(konstruct: Konstruct, process: str) -> None:
    assert "konstruct keys init" in refused(konstruct(process, KEYRING="nowhere/keyring.json"), "KEYRING")


def test_bootstrap_without_a_usable_administrator(konstruct: Konstruct, urls: RoleUrls) -> None:
    for value in (None, "nonsense", NOBODY, urls.app):
        refused(konstruct("migrate", "--bootstrap", ADMIN_DATABASE_URL=value), "ADMIN_DATABASE_URL")
    refused(konstruct("migrate", "--bootstrap", ADMIN_DATABASE_URL=NOBODY, FLEET_DATABASE_URL=urls.app), "FLEET_DATABASE_URL")
