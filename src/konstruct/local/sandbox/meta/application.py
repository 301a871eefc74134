"""The Meta app as its owner configured it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from konstruct.kit.settings import Settings

APP_ID = "700000000000001"
"""One Meta app, to which every business connects."""
CONFIG_ID = "600000000000001"
"""The app's configuration of Embedded Signup."""
APP_NAME = "Konstruct"
APP_PATH = "/sandbox/meta"
"""Where everything of Meta's is."""
VERSION = "v25.0"
OLDEST = (21, 0)
"""Older versions of the Graph API are no longer answered."""
WEBHOOK_PATH = "/webhooks/whatsapp"
MANAGEMENT, MESSAGING = "whatsapp_business_management", "whatsapp_business_messaging"
SCOPES = f"{MANAGEMENT},{MESSAGING}"
"""What Embedded Signup asks a business for."""


@dataclass(frozen=True, slots=True)
class MetaApplication:
    """What the app's settings page holds."""

    secret: str = field(repr=False)
    """Signs webhooks, and proves who exchanges a code."""
    verify_token: str = field(default="", repr=False)
    app_id: str = APP_ID
    config_id: str = CONFIG_ID
    name: str = APP_NAME


UNKNOWN_APP = MetaApplication(secret="sandbox-app-secret", verify_token="sandbox-verify-token")  # noqa: S106  # opens nothing but the simulation
"""Where nobody says with which app Meta works."""


def own_app(settings: Settings) -> MetaApplication:
    """Return the app with which the embedded instance's Meta works.

    An instance that is connected to the real Meta keeps its secret: what the sandbox signs is not accepted there.
    """
    secret, token = settings.whatsapp_app_secret, settings.whatsapp_verify_token
    if secret is None or APP_PATH not in settings.whatsapp_api_url:
        return MetaApplication(secret=secrets.token_hex(24))
    return MetaApplication(secret.get_secret_value(), token.get_secret_value() if token else "")
