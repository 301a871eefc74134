"""What each answer of Meta means for a delivery. The one question that matters: may the message be visible?"""

from __future__ import annotations

import random
from dataclasses import replace

from konstruct.channels.port import Failed, Retry, SendOutcome, Sent, Unknown
from konstruct.channels.whatsapp import error_table
from konstruct.channels.whatsapp.client import Answer, NotWritten, Result
from konstruct.channels.whatsapp.error_table import BY_CODE, Wait
from konstruct.channels.whatsapp.graph_errors import GraphError

UNREACHED_RETRY_S = 2.0
"""After no connection came about."""
WAIT_MAX_S = 3600.0
_TOO_MANY = Wait("account", (30.0, 60.0, 120.0, 300.0))
"""A status 429 without a word of why."""
_TRANSIENT = Wait("delivery", (30.0, 60.0, 120.0, 300.0))

Held = tuple[str, int]
"""See `Post.held`."""


def sent(result: Result, held: Held = ("", 0)) -> SendOutcome:
    """Return the outcome of showing a message."""
    if isinstance(result, NotWritten):
        return Retry(UNREACHED_RETRY_S, result.reason)
    if not isinstance(result, Answer):
        return Unknown(result.reason)
    if not result.ok:
        return refused(result, held)
    messages = result.data.get("messages")
    first = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], dict) else {}
    wamid = first.get("id")
    return Sent(wamid) if isinstance(wamid, str) and 0 < len(wamid) <= 500 else Unknown("unreadable_answer")


def refused(answer: Answer, held: Held = ("", 0)) -> Retry | Failed | Unknown:
    """Return what a call came to that was not carried out, or of which nobody knows."""
    error = answer.error
    if error is None:
        # Not Meta's form: whoever answered may have passed the request on before.
        return _wait(_TOO_MANY, "http_429", answer, held) if answer.status == 429 else Unknown(_unread(answer))
    row = error_table.find(error.code, error.subcode)
    if row is None:
        return _unnamed(error, answer, held)
    reason = _reason(row.says.reason, error) if isinstance(row.says, Failed | Unknown) else _reason(BY_CODE, error)
    if isinstance(row.says, Wait):
        return _wait(row.says, reason, answer, held)
    return replace(row.says, reason=reason)


def code(answer: Answer) -> str:
    """Return the word for what went wrong with a call that shows nothing, safe to log."""
    found = refused(answer)
    return found.reason


def _unnamed(error: GraphError, answer: Answer, held: Held) -> Retry | Failed | Unknown:
    """A code that no row has, by its class: the status tells who is to blame, and Meta whether it may work later."""
    reason = _reason(BY_CODE, error)
    if answer.status == 429:
        return _wait(_TOO_MANY, reason, answer, held)
    if not 400 <= answer.status < 500:
        return Unknown(reason)
    if error.transient:
        return _wait(_TRANSIENT, reason, answer, held)
    return Failed(reason, account_broken=answer.status == 401)


def judge(reason: str) -> Failed:
    """Return what the reason of a receipt means that says `failed`: Meta's code, and its words. See `Judging`."""
    number = reason.partition(" ")[0]
    if not (number.isascii() and number.isdigit() and len(number) <= 9):
        return Failed("unnamed_error")
    error = GraphError(int(number))
    row = error_table.find(error.code, None)
    if row is None or not isinstance(row.says, Failed):
        return Failed(_reason(BY_CODE, error))
    return replace(row.says, reason=_reason(row.says.reason, error))


def _wait(wait: Wait, reason: str, answer: Answer, held: Held) -> Retry:
    if answer.wait_s is not None:
        return Retry(min(max(answer.wait_s, 1.0), WAIT_MAX_S), reason, wait.scope)
    times = held[1] if held[0] == reason else 0
    wait_s = wait.waits_s[min(times, len(wait.waits_s) - 1)]
    if wait.jitter:
        wait_s *= random.uniform(1.0, 1.5)  # noqa: S311  # spreads, and keeps no secret
    return Retry(min(wait_s, WAIT_MAX_S), reason, wait.scope)


def _reason(word: str, error: GraphError) -> str:
    return f"{BY_CODE}_{error.code}" if word == BY_CODE else word


def _unread(answer: Answer) -> str:
    return f"http_{answer.status}" if answer.status != 200 else "unreadable_answer"
