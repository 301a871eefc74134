"""The app is uninstalled, or its tokens are revoked, in a workspace; the app hears of it."""

from __future__ import annotations

from konstruct.local.sandbox.events import removal_events
from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.store import SandboxStore


def uninstall(store: SandboxStore, sender: EventSender, installation: Installation) -> None:
    """Remove the app: its tokens answer account_inactive, and both `app_uninstalled` and `tokens_revoked` are sent."""
    _end(store, sender, installation, ("app_uninstalled", "tokens_revoked"))


def authorization_revoked(store: SandboxStore, sender: EventSender, installation: Installation) -> None:
    """The only token of an installation was revoked, and the installation with it; `tokens_revoked` is sent."""
    _end(store, sender, installation, ("tokens_revoked",))


def revoke_tokens(store: SandboxStore, sender: EventSender, installation: Installation) -> None:
    """Revoke every token of an installation that stays: they answer token_revoked, and `tokens_revoked` is sent."""
    store.installations.revoke_all(installation.id, store.control.now())
    sender.publish(removal_events(store, installation, ("tokens_revoked",)))


def _end(store: SandboxStore, sender: EventSender, installation: Installation, events: tuple[str, ...]) -> None:
    store.installations.remove(installation.id, store.control.now())
    sender.publish(removal_events(store, installation, events))
