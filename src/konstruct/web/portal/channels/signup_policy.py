"""What the one page may load on which the provider's dialog opens. Every other page keeps to `pages.HEADERS`."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.port_signup import SignupDialog
from konstruct.web.portal.pages import HEADERS

_META_FRAMES = "https://*.facebook.com"
_META_CALLS = ("https://graph.facebook.com", "https://*.facebook.com")


def headers(dialog: SignupDialog, nonce: str) -> Mapping[str, str]:
    """Return the page's headers. Our own scripts run by `nonce` alone, and what the provider's script loads by its origin.

    The dialog is a window of its own, which answers to the page that opened it: an opener policy that cuts that off would leave
    the page without an answer.
    """
    meta = any(each.endswith(".facebook.com") for each in dialog.dialog_origins)
    frames = _META_FRAMES if meta else " ".join(dialog.dialog_origins)
    calls = " ".join(_META_CALLS) if meta else " ".join(dialog.dialog_origins)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}' {dialog.script_origin}; style-src 'self'; connect-src 'self' {calls};"
        f" frame-src {frames}; img-src 'self' data: {frames}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {**HEADERS, "Content-Security-Policy": policy, "Cross-Origin-Opener-Policy": "same-origin-allow-popups"}
