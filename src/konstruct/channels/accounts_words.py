"""What a provider's error code means for the people of the business, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.channels import renewals_repository
from konstruct.channels.port import WRONG_ACCOUNT, WRONG_BOT


@dataclass(frozen=True, slots=True)
class Words:
    """What is the matter, and what helps."""

    happened: str
    advice: str


AGAIN = "Connect it again with a new token."
"""The advice for an account whose token is over."""
_CODES = {
    "account_inactive": Words(
        "The workspace is closed, or the app was removed from it.", "Install the app again, then connect it."
    ),
    "invalid_auth": Words("The channel does not accept the token.", AGAIN),
    "missing_scope": Words(
        "The app may not do what it needs to.", "Give the app the missing permission, install it again, then connect it."
    ),
    "no_permission": Words("The app may not do what it needs to.", "Ask an administrator of the workspace."),
    "missing_permission": Words(
        "The token may not send for this number.", "Connect it again, and allow everything that is asked for."
    ),
    "number_blocked": Words(
        "Meta has blocked the number for breaking its rules, or has locked the account.",
        "Read what Meta has written to you, appeal in the Business Manager, and connect the number again once it is free.",
    ),
    "number_gone": Words(
        "The number is not there any more, or the token may not use it.", "Check the number at Meta, then connect it again."
    ),
    "number_not_registered": Words("The number is not registered for sending.", "Connect it again: that registers it."),
    "not_allowed_token_type": Words(
        "This is another kind of token than the one of a bot.", "Use the bot token: it begins with xoxb-."
    ),
    "not_authed": Words("The channel got no token.", AGAIN),
    "org_login_required": Words("The workspace is being moved into an organisation.", "Wait until that is done."),
    "team_access_not_granted": Words(
        "The organisation does not allow the app in this workspace.", "Ask an administrator of the organisation to allow it."
    ),
    "token_expired": Words("The token has expired.", AGAIN),
    "token_revoked": Words("The token was revoked: the app was removed, or somebody took its token back.", AGAIN),
    WRONG_ACCOUNT: Words(
        "The token belongs to another workspace.", "Check the workspace's id, or use the token of that workspace."
    ),
    renewals_repository.LOST: Words(
        "The access was renewed at the channel, but the new one never reached us: we were interrupted at that moment.",
        "Connect it again.",
    ),
    renewals_repository.REFUSED: Words("The channel does not renew the access any more.", "Connect it again."),
    "app_uninstalled": Words("The app was removed from the workspace.", "Install the app again, then connect it."),
    "portfolio_shared": Words(
        "The number belongs to a Meta portfolio of which another business here has a number.",
        "Move it to a portfolio of your own at Meta, then connect it again.",
    ),
    WRONG_BOT: Words("The token belongs to another bot of this workspace.", "Check the bot's user id, or use that bot's token."),
    "PARTNER_ADDED": Words("Meta confirmed that your number may be used here.", ""),
    "PARTNER_REMOVED": Words("The access was taken back at Meta.", "Connect WhatsApp again: everything is kept."),
    "PARTNER_APP_UNINSTALLED": Words("The app was removed at Meta.", "Connect WhatsApp again: everything is kept."),
    "ACCOUNT_DELETED": Words("The WhatsApp account was deleted at Meta.", "Connect another one."),
    "connected": Words("Connected.", ""),
    "renewed": Words("The access was renewed after all.", ""),
    "reconnected": Words("Connected again.", ""),
    "by_a_member": Words("Disconnected by one of you.", ""),
    "number_open": Words("Everything may be sent again.", ""),
    "number_no_outreach": Words("Nobody is written to first any more.", ""),
    "number_replies_only": Words("Only replies are sent.", ""),
    "number_suspended": Words("The number is suspended: nothing is sent.", ""),
    "number_replaced": Words("Its contacts were moved to another number.", ""),
}
_UNKNOWN = Words("The channel refuses us.", AGAIN)


def words_of(code: str | None) -> Words:
    """Return the words for a code; those for a code that we do not know say so without guessing."""
    if code is None:
        return Words("", "")
    return _CODES.get(code) or Words(f"{_UNKNOWN.happened} It says “{code}”.", _UNKNOWN.advice)
