"""The words of a paragraph of markdown, each with how it is written: bold, italic, struck through, code, an address. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from konstruct.channels.whatsapp.emphasis import Mark, Style, styled

_LABEL = r"\[((?:[^\[\]\\\n]|\\.|\[[^\[\]\n]{0,100}\]){0,300})\]"
_ADDRESS = (
    r"\([ \t]*<?([^\s()<>`]{1,2000}(?:\([^\s()<>`]{0,200}\)[^\s()<>`]{0,2000})?)>?(?:[ \t]+[\"'(][^\"\n]{0,300}[\"')])?[ \t]*\)"
)
_TOKEN = re.compile(
    r"(?P<escape>\\[!-/:-@\[-`{-~])"
    r"|(?P<code>(?<!`)(?P<ticks>`{1,8})(?!`)(?P<inner>[^\n]{1,2000}?)(?<!`)(?P=ticks)(?!`))"
    rf"|(?P<link>!?{_LABEL}{_ADDRESS})"
    r"|(?P<note>\[\^(?P<named>[A-Za-z0-9_.\-]{1,20})\]:?)"
    r"|(?P<known>\[(?P<words>[^\[\]\n]{1,300})\](?:\[(?P<ref>[^\[\]\n]{0,80})\])?)"
    r"|<(?P<auto>(?:https?://|mailto:|tel:)[^\s<>`]{1,2000}|[\w.+\-]{1,64}@[\w.\-]{1,200})>"
    r"|(?P<url>https?://[^\s<>`]{1,2000})"
    r"|(?P<entity>&(?:\#[0-9]{1,7}|\#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});)"
    r"|(?P<marks>\*+|_+|~+)"
)
_TRAILING = ".,;:!?*_~'\"”’»"
_TAGS = {"b": "**", "strong": "**", "i": "*", "em": "*", "s": "~~", "del": "~~", "strike": "~~", "code": "`", "kbd": "`"}
_DROPPED = ("u", "p", "div", "span", "sub", "sup", "small", "center", "summary", "font", "mark")
_PAIR = re.compile(rf"<({'|'.join((*_TAGS, *_DROPPED))})(?: [^<>]{{0,200}})?>([^<>]{{1,2000}})</\1>")
_BREAK = re.compile(r"[ \t]*<br ?/?>[ \t]*")
_CODE = re.compile(r"(?<!`)(`{1,8})(?!`)[^\n]{1,2000}?(?<!`)\1(?!`)")
_ROUNDS = 8
"""Tags within tags; what is nested deeper is not writing. A tag without its other half is left: somebody writes about HTML."""
_DEPTH_MAX = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Words that are written alike. An address is shown as it is, and nothing in it means anything."""

    text: str
    styles: frozenset[Style] = frozenset()
    kind: Literal["text", "code", "address"] = "text"


def runs(text: str, defined: Mapping[str, str], depth: int = 0) -> list[Run]:
    """Return what `text`, which may have several lines, says. `defined`: addresses that stand elsewhere, by lower-case name."""
    pieces: list[Run | Mark] = []
    at = 0
    text = _tags(text)
    while (token := _TOKEN.search(text, at)) is not None:
        if token.start() > at:
            pieces.append(Run(text[at : token.start()]))
        at = token.end()
        if token["url"] is not None:
            address = _trimmed(token["url"])
            at = token.start() + len(address)
            pieces.append(Run(address, kind="address"))
        elif token["marks"] is not None:
            pieces.append(_mark(text, token.start(), token.end()))
        else:
            pieces += _piece(token, defined, depth)
    if at < len(text):
        pieces.append(Run(text[at:]))
    return list(_merged(pieces))


def _piece(token: re.Match[str], defined: Mapping[str, str], depth: int) -> list[Run]:
    if token["escape"] is not None:
        return [Run(token["escape"][1:])]
    if token["code"] is not None:
        return [_code(token["inner"])]
    if token["note"] is not None:
        return [Run(f"[{token['named']}]")]
    if token["entity"] is not None:
        return [Run(_decoded(token["entity"]))]
    if token["auto"] is not None:
        return [Run(token["auto"].removeprefix("mailto:").removeprefix("tel:"), kind="address")]
    if token["known"] is not None:
        address = defined.get((token["ref"] or token["words"]).lower())
        return _linked(token["words"], address, defined, depth) if address else _words(token[0], defined, depth)
    label, address = re.fullmatch(rf"!?{_LABEL}{_ADDRESS}", token["link"]).groups()  # type: ignore[union-attr]
    return _linked(label, address, defined, depth)


def _words(bracketed: str, defined: Mapping[str, str], depth: int) -> list[Run]:
    """Return brackets that are no link: what stands in them may be written in any way."""
    if depth >= _DEPTH_MAX:
        return [Run(bracketed)]
    return [Run("["), *runs(bracketed[1:-1], defined, depth + 1), Run("]")]


def _linked(label: str, address: str, defined: Mapping[str, str], depth: int) -> list[Run]:
    """Return a link as its words, and its address in brackets; the address alone where the words say no more."""
    shown = address.removeprefix("mailto:").removeprefix("tel:")
    said = runs(label, defined, depth + 1) if depth < _DEPTH_MAX else [Run(label)]
    words = "".join(run.text for run in said).strip()
    if not words or words.rstrip("/") in (shown.rstrip("/"), re.sub(r"\Ahttps?://(?:www\.)?", "", shown).rstrip("/")):
        return [Run(shown, kind="address")]
    return [*said, Run(" ("), Run(shown, kind="address"), Run(")")]


def _code(inner: str) -> Run:
    padded = len(inner) > 2 and inner[0] == inner[-1] == " " and inner.strip(" ")
    return Run(inner[1:-1] if padded else inner, kind="code")


def _decoded(entity: str) -> str:
    found = html.unescape(entity)
    printable = found == "\xa0" or (found.isprintable() and unicodedata.category(found[:1] or "x") not in ("Cc", "Cf", "Cs"))
    return found if printable else entity


def _tags(text: str) -> str:
    """Return `text` with the tags that mean a way of writing as markdown; code is left as it is."""
    if "<" not in text:
        return text

    def convert(part: str) -> str:
        for _ in range(_ROUNDS):
            plain = _PAIR.sub(lambda pair: _TAGS.get(pair[1], "") + pair[2] + _TAGS.get(pair[1], ""), part)
            if plain == part:
                break
            part = plain
        return _BREAK.sub("\n", part)

    return but_code(text, convert)


def but_code(text: str, convert: Callable[[str], str]) -> str:
    """Return `text` with everything but its code converted."""
    out, at = [], 0
    for span in _CODE.finditer(text):
        out += [convert(text[at : span.start()]), span[0]]
        at = span.end()
    return "".join((*out, convert(text[at:])))


def _trimmed(url: str) -> str:
    """Return an address without the signs behind it that belong to the sentence."""
    while url[-1] in _TRAILING or (url[-1] == ")" and url.count("(") < url.count(")")) or url[-1] in "]}":
        url = url[:-1]
    return url


def _mark(text: str, start: int, end: int) -> Mark:
    before, after = text[start - 1 : start], text[end : end + 1]
    return Mark(text[start], end - start, before, after)


def _merged(pieces: list[Run | Mark]) -> Iterator[Run]:
    """Yield the runs, with what the marks around them mean; a mark without its other half stands for itself."""
    styles, left = styled([piece if isinstance(piece, Mark) else None for piece in pieces])
    held: Run | None = None
    for piece, own, count in zip(pieces, styles, left, strict=True):
        run = Run(piece.char * count, own) if isinstance(piece, Mark) else Run(piece.text, own | piece.styles, piece.kind)
        if not run.text:
            continue
        if held is not None and held.kind == run.kind == "text" and held.styles == run.styles:
            held = Run(held.text + run.text, run.styles)
            continue
        if held is not None:
            yield held
        held = run
    if held is not None:
        yield held
