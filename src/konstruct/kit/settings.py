"""Settings: environment variables with the prefix `KONSTRUCT_`, read once at start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from konstruct.kit.errors import SettingsError

PREFIX = "KONSTRUCT_"


LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class Settings(BaseSettings):
    """Every setting of every process. Times are seconds; addresses are URLs; secrets never print."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True, allow_inf_nan=False)

    env: Literal["dev", "production"] = "dev"
    log_level: LogLevel = "INFO"
    public_url: str = "http://127.0.0.1:8400"
    bind: str = Field(default="127.0.0.1:8400", pattern=r"^.+:\d+$", description="address and port that `web` listens on")
    data_dir: Path | None = Field(default=None, description="set by `konstruct up`: the embedded instance's folder")
    sandbox: bool = Field(default=False, description="set by `konstruct up`: serve /sandbox")

    database_url: SecretStr | None = Field(default=None, description="login of the app role")
    fleet_database_url: SecretStr | None = Field(default=None, description="login of the fleet role")
    owner_database_url: SecretStr | None = Field(default=None, description="login of the maintenance role")
    database_pool: int = Field(default=10, ge=1, le=500, description="connections per process and role")
    redis_url: SecretStr | None = None
    broker_url: SecretStr | None = None
    keyring: str | None = Field(default=None, description="path of the key ring file")
    root_key: SecretStr | None = Field(default=None, description="base64 of 32 bytes; else `<key ring>.root` holds the root key")

    turn_deadline_s: float = Field(default=120.0, gt=0)
    lease_s: float = Field(default=15.0, gt=0)
    burst_s: float = Field(default=1.0, ge=0)
    turn_attempts: int = Field(default=5, ge=1, description="attempts at a turn before its fallback and dead letter")
    send_window_s: float = Field(default=10.0, gt=0, description="longest time for one send, from its commit to its answer")
    echo_wait_s: float = Field(
        default=60.0, gt=0, description="wait for the proof of an unknown send, before its history is read"
    )
    look_up_wait_s: float = Field(
        default=120.0, gt=0, description="longest wait of an unknown send for a history that is refused"
    )
    worker_turns: int = Field(default=4000, ge=1, description="turns that one worker process may have under way")

    smtp_url: SecretStr | None = None
    mail_from: str | None = Field(default=None, description="sender of every e-mail")

    slack_client_id: str | None = Field(default=None, min_length=1, description="of the Slack app that people install by a click")
    slack_client_secret: SecretStr | None = Field(default=None, description="its secret, which redeems what people approve")
    slack_signing_secret: SecretStr | None = None
    slack_api_url: str = "https://slack.com/api/"
    slack_history_per_minute: int = Field(
        default=1,
        ge=1,
        le=1000,
        description="how often a workspace's history may be read (Slack: 1, or 50 for an app of one's own)",
    )

    whatsapp_app_id: str | None = Field(default=None, min_length=1, description="of the Meta app that people connect numbers to")
    whatsapp_config_id: str | None = Field(default=None, min_length=1, description="the app's configuration of Embedded Signup")
    whatsapp_app_secret: SecretStr | None = Field(default=None, description="the app's secret, with which Meta signs")
    whatsapp_verify_token: SecretStr | None = Field(default=None, description="what Meta's challenge of the webhook must know")
    whatsapp_api_url: str = Field(default="https://graph.facebook.com/v25.0/", description="of Meta's Graph API")

    llm_backend: Literal["openai_compat", "demo", "scripted", "auto"] | None = None
    llm_url: str | None = None
    llm_model: str | None = None
    llm_api_key: SecretStr | None = None
    llm_timeout_s: float = Field(default=60.0, gt=0, description="longest wait for the next piece of an answer")

    def need(self, *names: str) -> None:
        """Raise SettingsError naming the first of `names` (field names) that is not set."""
        for name in names:
            if getattr(self, name) is None:
                raise SettingsError(f"{PREFIX}{name.upper()} is not set: {_purpose(name)}")


def _purpose(name: str) -> str:
    return Settings.model_fields[name].description or "this process needs it (see docs/operations.md)"


def load_settings(**overrides: object) -> Settings:
    """Return the settings of this process's environment; `overrides` win.

    Raises SettingsError, one line that names the variable, when a value is wrong.
    """
    try:
        settings = Settings(**overrides)  # type: ignore[arg-type]  # pydantic checks the values itself
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "?"
        raise SettingsError(f"{PREFIX}{name.upper()} is wrong: {first['msg'].lower()}") from None
    if settings.env == "production" and settings.sandbox:
        raise SettingsError("KONSTRUCT_SANDBOX is refused with KONSTRUCT_ENV=production: its pages know no passwords")
    if settings.env == "production" and settings.llm_backend == "demo":
        raise SettingsError("KONSTRUCT_LLM_BACKEND=demo is refused with KONSTRUCT_ENV=production: connect a real model")
    return settings
