"""What each answer of Slack means for a delivery. The one question that matters: may the message be visible?"""

from __future__ import annotations

import re

from konstruct.channels.port import Failed, Retry, SendOutcome, Sent, Unknown
from konstruct.channels.slack.client import Answer, NotWritten, Result

RETRY_AFTER_S = 30.0
"""When Slack says "too many" without saying for how long."""

RETRY_AFTER_MAX_S = 3600.0

UNREACHED_RETRY_S = 2.0
"""After no connection came about."""

ACCOUNT_BROKEN = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "missing_scope",
        "not_allowed_token_type",
        "not_authed",
        "org_login_required",
        "team_access_not_granted",
        "token_expired",
        "token_revoked",
    }
)
"""Codes after which every further call with this token fails too (docs: the methods' error tables)."""

CONTENT_REFUSED = frozenset(
    {
        "invalid_blocks",
        "invalid_blocks_format",
        "markdown_text_conflict",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
    }
)
"""Codes about what the message holds: another one may be shown in the same place."""

_UNCERTAIN = frozenset({"fatal_error", "internal_error", "service_unavailable"})
_REFUSED_FOR_NOW = {"request_timeout": 5.0, "team_added_to_org": 60.0}
_CODE = re.compile(r"[a-z0-9_.\-]{1,64}", re.ASCII)


def code(answer: Answer) -> str:
    """Return the error code of a refused call, safe to log: it is a fixed word of Slack's, or replaced by one of ours."""
    value = answer.data.get("error")
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "unnamed_error"


def refused(answer: Answer) -> Retry | Failed | Unknown:
    """Return what a call that was not `ok` came to."""
    error = "ratelimited" if answer.status == 429 else code(answer)
    if error in ("ratelimited", "rate_limited"):
        named = RETRY_AFTER_S if answer.retry_after_s is None else answer.retry_after_s
        wait = min(max(named, 1.0), RETRY_AFTER_MAX_S)
        # Slack's `rate_limited` is the whole app's; the other one is the method's, which for posts counts by channel.
        return Retry(wait, error, scope="account" if error == "rate_limited" else "channel")
    if error in _REFUSED_FOR_NOW:
        return Retry(_REFUSED_FOR_NOW[error], error, scope="account" if error == "team_added_to_org" else "delivery")
    if answer.status >= 500 or error in _UNCERTAIN:
        return Unknown(error)
    return Failed(error, account_broken=error in ACCOUNT_BROKEN, content=error in CONTENT_REFUSED)


def sent(result: Result) -> SendOutcome:
    """Return the outcome of chat.postMessage."""
    if isinstance(result, NotWritten):
        return Retry(UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if result.data.get("ok") is not True:
        return refused(result)
    ts = result.data.get("ts")
    return Sent(ts) if result.status == 200 and isinstance(ts, str) and ts else Unknown("unreadable_answer")
