"""Text that cannot ping: broadcasts and mentions of strangers are made inert by one invisible character inside them.

A model's answer may hold anything, also what somebody asked it to repeat. Only insertion is used: it cannot build a new
mention out of two halves, so one pass is enough and a second changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Set

from konstruct.channels.slack.plain import plain as words
from konstruct.channels.texts import cleaned

BREAK = "\u200b"
"""Zero-width space: shown as nothing, and no part of any of Slack's own forms."""

NOTIFICATION_MAX = 4000
"""Characters of a message's `text`. Source: Slack, chat.postMessage, "best under 4,000"."""

_FENCE_RUN_MAX = 40

# A markdown reader turns `&lt;` and `\<` back into `<`, so those spellings count as the character itself.
_LESS = r"\\?(?:<|&lt;|&#0{0,6}60;|&#x0{0,6}3c;)"
_BANG = r"\\?(?:!|&excl;|&#0{0,6}33;|&#x0{0,6}21;)"
_AT = r"\\?(?:@|&commat;|&#0{0,6}64;|&#x0{0,6}40;)"
_BROADCASTS = "(?:channel|here|everyone|group)"

_SPECIAL = re.compile(rf"({_LESS}\s{{0,4}}{_BANG})(?=\s{{0,4}}(?:{_BROADCASTS}|subteam))", re.IGNORECASE)
_BARE = re.compile(rf"(?<![a-z0-9])({_AT})(?={_BROADCASTS}(?![a-z0-9]))", re.IGNORECASE)
_MENTION = re.compile(rf"(?i:({_LESS}\s{{0,4}}{_AT}))(?=\s{{0,4}}([A-Z0-9]{{2,40}})([>|]?))")
_LONG_FENCE = re.compile(rf"(`{{{_FENCE_RUN_MAX}}}|~{{{_FENCE_RUN_MAX}}})(?=[`~])")
_ESCAPED_MENTION = re.compile(r"&lt;@([A-Z0-9]{2,40})&gt;")
_CUT_ENTITY = re.compile(r"(?:&[a-z]{0,4}|<@[A-Z0-9]{0,40})\Z")


def clean(text: str) -> str:
    """Return `text` with plain line ends, without control characters, and with endless fence marks broken up."""
    return _LONG_FENCE.sub(rf"\1{BREAK}", cleaned(text))


def neutralise(text: str, participants: Set[str]) -> str:
    """Return `text` in which nothing notifies anybody but `participants`. Idempotent; only adds `BREAK`."""

    def check(match: re.Match[str]) -> str:
        opener, person, closer = match[1], match[2], match[3]
        allowed = opener == "<@" and closer and person in participants and match.string.startswith(person, match.end())
        return opener if allowed else opener + BREAK

    text = _SPECIAL.sub(rf"\1{BREAK}", text)
    text = _MENTION.sub(check, text)
    return _BARE.sub(rf"\1{BREAK}", text)


def notification(text: str, participants: Set[str]) -> str:
    """Return the plain `text` of a message, at most `NOTIFICATION_MAX` characters: no signs of markdown, Slack's control
    characters escaped, mentions of `participants` kept."""
    plain = neutralise(words(cleaned(text)), participants)[:NOTIFICATION_MAX]
    plain = plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    plain = _ESCAPED_MENTION.sub(lambda match: f"<@{match[1]}>" if match[1] in participants else match[0], plain)
    if len(plain) > NOTIFICATION_MAX:
        plain = _CUT_ENTITY.sub("", plain[: NOTIFICATION_MAX - 1]) + "…"
    return plain
