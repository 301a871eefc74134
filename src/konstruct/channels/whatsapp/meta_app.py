"""The app of this house at Meta, and what its dialog needs. The secret stands in the calls that need it, and in no log."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from konstruct.channels.port_signup import SignupDialog
from konstruct.kit.settings import Settings

_META_HOST = "graph.facebook.com"
_META_SCRIPT = "https://connect.facebook.net/en_US/sdk.js"
_META_ORIGINS = ("https://www.facebook.com", "https://web.facebook.com", "https://business.facebook.com")
_VERSION = re.compile(r"v[0-9]{1,3}\.[0-9]{1,2}", re.ASCII)
_NEWEST = "v25.0"


@dataclass(frozen=True, slots=True)
class MetaApp:
    """Its id, the id of its configuration of Embedded Signup, and its secret; empty where they are not set."""

    id: str
    config_id: str
    api_url: str
    secret: str = field(default="", repr=False)

    @classmethod
    def of(cls, settings: Settings) -> MetaApp:
        """Return the app that the settings name."""
        secret = settings.whatsapp_app_secret
        return cls(
            settings.whatsapp_app_id or "",
            settings.whatsapp_config_id or "",
            settings.whatsapp_api_url,
            secret.get_secret_value() if secret else "",
        )

    @property
    def known(self) -> bool:
        """Whether calls can be made as the app."""
        return bool(self.id and self.secret)

    @property
    def can_sign_up(self) -> bool:
        """Whether its dialog can be opened, and what it gives be redeemed."""
        return self.known and bool(self.config_id)

    @property
    def token(self) -> str:
        """The token of the app itself."""
        return f"{self.id}|{self.secret}"

    def dialog(self) -> SignupDialog:
        """Return what the page needs: Meta's own script, or that of whoever else serves the API."""
        address = urlsplit(self.api_url)
        version = next((part for part in address.path.split("/") if _VERSION.fullmatch(part)), _NEWEST)
        script = _META_SCRIPT
        origins: tuple[str, ...] = _META_ORIGINS
        if address.hostname != _META_HOST:
            script = urljoin(self.api_url.rstrip("/") + "/", "../sdk.js")
            origins = (_origin(script),)
        return SignupDialog(script, _origin(script), origins, self.id, self.config_id, version)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
