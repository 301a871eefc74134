"""The passwords and the environment of an embedded instance's processes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from konstruct.kit.settings import PREFIX
from konstruct.local.files import read_json, write_private
from konstruct.local.ports import LOOPBACK
from konstruct.local.sandbox.meta.application import APP_ID, APP_PATH, CONFIG_ID, VERSION
from konstruct.local.sandbox.slack.application import CLIENT_ID, CLIENT_SECRET

_NAMES = ("postgres", "app", "fleet", "maintenance", "valkey", "slack_signing", "whatsapp_app", "whatsapp_verify")
_OURS = frozenset(
    PREFIX + name
    for name in (
        "DATABASE_URL",
        "FLEET_DATABASE_URL",
        "OWNER_DATABASE_URL",
        "REDIS_URL",
        "BROKER_URL",
        "BIND",
        "DATA_DIR",
        "SANDBOX",
    )
)
"""What the embedded parts decide. BIND too: the sandbox knows no passwords, so it is served on the loopback address only."""
OWNER_ONLY = PREFIX + "OWNER_DATABASE_URL"


def load_secrets(path: Path) -> dict[str, str]:
    """Return the instance's passwords, made on first use and kept at `path`."""
    held = read_json(path) or {}
    if missing := [name for name in _NAMES if name not in held]:
        held.update({name: secrets.token_hex(24) for name in missing})
        write_private(path, held)
    return {name: str(held[name]) for name in _NAMES}


def base_environment(
    data_dir: Path, port: int, signing_secret: str, user: Mapping[str, str], whatsapp: tuple[str, str] = ("", "")
) -> dict[str, str]:
    """Return the `KONSTRUCT_…` variables of every process but the addresses of the parts.

    `whatsapp`: the secret of the sandbox's Meta app, and the token of its webhook. The `user`'s own variables win, except
    where the embedded parts decide (`up` starts its own database).
    """
    address = f"http://{LOOPBACK}:{port}"
    theirs = {name: value for name, value in user.items() if name.startswith(PREFIX) and name not in _OURS}
    env = {
        "PUBLIC_URL": address,
        "KEYRING": str(data_dir / "keyring.json"),
        "SLACK_SIGNING_SECRET": signing_secret,
        "SLACK_API_URL": f"{address}/sandbox/slack/api/",
        "LLM_BACKEND": "openai_compat" if PREFIX + "LLM_URL" in theirs else "demo",
        "BIND": f"{LOOPBACK}:{port}",
        "DATA_DIR": str(data_dir),
        "SANDBOX": "1",
    }
    if PREFIX + "SLACK_API_URL" not in theirs:
        # Another Slack than the sandbox does not know the sandbox's app.
        env |= {"SLACK_CLIENT_ID": CLIENT_ID, "SLACK_CLIENT_SECRET": CLIENT_SECRET}
    if PREFIX + "WHATSAPP_API_URL" not in theirs:
        env |= {
            "WHATSAPP_API_URL": f"{address}{APP_PATH}/{VERSION}/",
            "WHATSAPP_APP_ID": APP_ID,
            "WHATSAPP_CONFIG_ID": CONFIG_ID,
            "WHATSAPP_APP_SECRET": whatsapp[0],
            "WHATSAPP_VERIFY_TOKEN": whatsapp[1],
        }
    return {PREFIX + name: value for name, value in env.items()} | theirs


def child_environment(name: str, inherited: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of child `name`. Only beat gets the maintenance login."""
    whole = {**inherited, **env}
    if name != "beat":
        whole.pop(OWNER_ONLY, None)
    return whole
