"""What a process needs before it starts. What is missing or wrong is named in one line, before anything is connected."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import uuid4

from pydantic import SecretStr

from konstruct.kit.errors import SettingsError
from konstruct.kit.mail import open_mailer
from konstruct.kit.settings import PREFIX, Settings
from konstruct.tenants.key_provider import KeyDestroyedError, KeyProviderError, UnknownKeyError
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.root_key import parse_root_setting

_DATABASE = (("postgresql", "postgres"), "postgresql://user:password@host:5432/database")
_WEB = (("http", "https"), "https://host/path")
_FORMS: dict[str, tuple[tuple[str, ...], str]] = {
    "database_url": _DATABASE,
    "fleet_database_url": _DATABASE,
    "owner_database_url": _DATABASE,
    "broker_url": (("redis", "rediss", "amqp", "amqps"), "redis://host:6379/1 or amqp://user:password@host:5672/"),
    "redis_url": (("redis", "rediss"), "redis://host:6379/0"),
    "public_url": _WEB,
    "slack_api_url": _WEB,
}
"""The schemes that each address may have, and an example."""
_NEEDS = {
    "web": ("database_url", "fleet_database_url", "broker_url", "keyring", "slack_signing_secret"),
    "worker": ("database_url", "fleet_database_url", "broker_url", "keyring"),
    "beat": ("database_url", "fleet_database_url", "owner_database_url", "broker_url"),
    "migrate": ("owner_database_url",),
    "cli": ("database_url",),
}
_SLACK_APP = ("slack_client_id", "slack_client_secret")
_EMBEDDED = ("database_url", "fleet_database_url", "owner_database_url", "redis_url", "broker_url")
"""What `konstruct up` decides itself, whatever the environment says."""


def check_settings(settings: Settings, process: str) -> None:
    """Raise SettingsError naming the first variable that `process` (web, worker, beat, migrate, cli) cannot start with."""
    settings.need(*_NEEDS[process])
    _check_forms(settings, _NEEDS[process])
    _check_slack_app(settings)


def check_embedded(settings: Settings) -> None:
    """Raise SettingsError naming the first variable that a process of `konstruct up` could not start with."""
    _check_forms(settings.model_copy(update=dict.fromkeys(_EMBEDDED)), ("keyring", "slack_signing_secret"))
    _check_slack_app(settings)
    if settings.root_key is not None:
        parse_root_setting(settings.root_key.get_secret_value())
    if settings.llm_backend != "demo":
        from konstruct.llm.factory import check_model

        check_model(settings)


async def check_keyring(settings: Settings) -> None:
    """Raise SettingsError unless the key ring opens: without it no answer can be sent."""
    provider = open_key_provider(settings)
    try:
        # A stranger's key is asked for: the provider must read everything to say that it has none.
        await provider.current(uuid4())
    except (UnknownKeyError, KeyDestroyedError):
        return
    except KeyProviderError as error:
        raise SettingsError(f"{PREFIX}KEYRING is wrong: {error}") from None


def is_database_address(text: str) -> bool:
    """Return whether `text` is an address of a PostgreSQL server."""
    return _is_address(text, _DATABASE[0])


def _check_forms(settings: Settings, needed: tuple[str, ...]) -> None:
    """Raise SettingsError for one of `needed` that is empty, or an address that is none."""
    for name in needed:
        if not _text(settings, name).strip():
            raise SettingsError(f"{PREFIX}{name.upper()} is wrong: it is empty")
    for name, (schemes, example) in _FORMS.items():
        if getattr(settings, name) is not None and not _is_address(_text(settings, name), schemes):
            raise SettingsError(f"{PREFIX}{name.upper()} is wrong: it must look like {example}")
    open_mailer(settings)


def _check_slack_app(settings: Settings) -> None:
    """Raise SettingsError for half of what installing by a click needs: people would be sent to Slack and back for nothing."""
    given = {name: bool(getattr(settings, name) is not None and _text(settings, name).strip()) for name in _SLACK_APP}
    if any(given.values()) and not all(given.values()):
        missing = next(name for name in _SLACK_APP if not given[name])
        raise SettingsError(
            f"{PREFIX}{missing.upper()} is not set: both are needed, {' and '.join(PREFIX + n.upper() for n in _SLACK_APP)}"
        )


def _text(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _is_address(text: str, schemes: tuple[str, ...]) -> bool:
    """Whether `text` has one of the schemes and names a host, or several with commas between, as PostgreSQL allows."""
    try:
        parts = urlsplit(text)
        hosts = [urlsplit(f"//{host}") for host in parts.netloc.rpartition("@")[2].split(",")]
        # Reading a port raises when it is not a number from 0 to 65535.
        named = all(host.hostname and host.port != 0 for host in hosts)
    except ValueError:
        return False
    # PostgreSQL's socket folder stands in the query, without a host before it.
    return parts.scheme in schemes and (named or "host=" in parts.query)
