"""Messages as safe HTML. Everything is escaped by `Markup.format`; only the tags written here reach the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

Names = Mapping[str, str]
"""User id -> name, for mentions."""

_URL = r"https?://[^\s<>()\[\]]+(?:\([^\s<>()]*\))?[^\s<>()\[\].,;:!?'\"*_]"
_SPAN = 2000
"""Characters that one emphasis may cover: keeps the search linear on hostile text."""
_SHARED = (
    r"(?P<ticks>`+)(?P<code>[^\n]+?)(?P=ticks)(?!`)"
    r"|<(?P<angle>[@#!][^<>\n|]+|https?://[^<>\s|]+)(?:\|(?P<angle_label>[^<>\n]+))?>"
)
_MARKDOWN = re.compile(
    _SHARED
    + rf"|\[(?P<label>[^\[\]\n]+)\]\((?P<href>{_URL}/?)\)|(?P<bare>{_URL})"
    + rf"|\*\*(?=\S)(?P<bold>[^\n]{{1,{_SPAN}}}?)(?<=\S)\*\*"
    + rf"|(?<!\w)__(?=\S)(?P<bold2>[^\n]{{1,{_SPAN}}}?)(?<=\S)__(?!\w)"
    + rf"|(?<![\w*])\*(?=[^\s*])(?P<italic>[^*\n]{{1,{_SPAN}}}?)(?<=\S)\*(?![\w*])"
    + rf"|(?<!\w)_(?=[^\s_])(?P<italic2>[^_\n]{{1,{_SPAN}}}?)(?<=\S)_(?!\w)"
    + rf"|~~(?=\S)(?P<strike>[^\n]{{1,{_SPAN}}}?)(?<=\S)~~"
)
_MRKDWN = re.compile(
    _SHARED
    + rf"|(?P<bare>{_URL})"
    + rf"|(?<![\w*])\*(?=[^\s*])(?P<bold>[^*\n]{{1,{_SPAN}}}?)(?<=\S)\*(?![\w*])"
    + rf"|(?<!\w)_(?=[^\s_])(?P<italic>[^_\n]{{1,{_SPAN}}}?)(?<=\S)_(?!\w)"
    + rf"|(?<!\w)~(?=[^\s~])(?P<strike>[^~\n]{{1,{_SPAN}}}?)(?<=\S)~(?!\w)"
)
_WHATSAPP = re.compile(
    r"(?P<ticks>`+)(?P<code>[^\n]+?)(?P=ticks)(?!`)"
    + rf"|(?P<bare>{_URL})"
    + rf"|(?<![\w*])\*(?=[^\s*])(?P<bold>[^*\n]{{1,{_SPAN}}}?)(?<=\S)\*(?![\w*])"
    + rf"|(?<!\w)_(?=[^\s_])(?P<italic>[^_\n]{{1,{_SPAN}}}?)(?<=\S)_(?!\w)"
    + rf"|(?<!\w)~(?=[^\s~])(?P<strike>[^~\n]{{1,{_SPAN}}}?)(?<=\S)~(?!\w)"
)
_PATTERNS = {"markdown": _MARKDOWN, "mrkdwn": _MRKDWN, "whatsapp": _WHATSAPP}
_STRONG, _EM, _STRIKE = Markup("<strong>{}</strong>"), Markup("<em>{}</em>"), Markup("<s>{}</s>")
_EMPHASIS = (("bold", _STRONG), ("bold2", _STRONG), ("italic", _EM), ("italic2", _EM), ("strike", _STRIKE))


@dataclass(frozen=True, slots=True)
class Inline:
    """Renders what stands within a line, in one of the dialects."""

    names: Names
    pattern: re.Pattern[str]

    def __call__(self, text: str) -> Markup:
        """Return `text` as HTML."""
        out, end = Markup(""), 0
        for match in self.pattern.finditer(text):
            out += plain(text[end : match.start()]) + self._token(match)
            end = match.end()
        return out + plain(text[end:])

    def _token(self, match: re.Match[str]) -> Markup:
        found = {name: value for name, value in match.groupdict().items() if value is not None}
        if "code" in found:
            return Markup("<code>{}</code>").format(plain(found["code"].strip() or found["code"]))
        if "angle" in found:
            return self._angle(found["angle"], found.get("angle_label"))
        if "label" in found:
            return _link(found["href"], self(found["label"]))
        if "bare" in found:
            return _link(found["bare"], plain(found["bare"]))
        for name, around in _EMPHASIS:
            if name in found:
                return around.format(self(found[name]))
        return plain(match.group())

    def _angle(self, target: str, label: str | None) -> Markup:
        if target.startswith("@"):
            return _mention(self.names.get(target[1:], label or "someone"))
        if target.startswith("#"):
            return Markup('<span class="mention">#{}</span>').format(plain(label or target[1:]))
        if target.startswith("!"):
            return Markup('<span class="mention mention-all">@{}</span>').format(plain(label or target[1:].partition("^")[0]))
        return _link(target, plain(label or target))


def plain(text: str) -> Markup:
    """Return text with Slack's three entities read, escaped for HTML."""
    return Markup("{}").format(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))


def _link(address: str, label: Markup) -> Markup:
    return Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>').format(plain(address), label)


def _mention(name: str) -> Markup:
    return Markup('<span class="mention">@{}</span>').format(name)


def lines(texts: list[str], inline: Callable[[str], Markup]) -> Markup:
    """Return lines with a break between them."""
    return Markup("<br>").join(inline(text) for text in texts)


def inline_for(dialect: str, names: Names) -> Inline:
    """Return the renderer of `markdown`, `mrkdwn` (Slack's own dialect) or `whatsapp`."""
    return Inline(names, _PATTERNS[dialect])
