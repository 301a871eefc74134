"""What the user asks: the questions of the current burst, one by one. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from konstruct.kit.lexical import terms
from konstruct.llm.port import ChatMessage

MAX_QUESTIONS = 10
"""More questions than this in one burst are answered by a person, not by quotes."""
_QUESTION_MAX_CHARS = 1000

_HELLO = r"(?:hi|hiya|hello|hey|howdy|greetings|good (?:morning|day|afternoon|evening)|bonjour|hola|hallo|ciao|servus)"
_GREETING = re.compile(rf"{_HELLO}(?: there| again| all| team| everyone| folks)?", re.IGNORECASE)
_OPENING = re.compile(rf"^\W*{_GREETING.pattern}(?=[\s,.!:;–—-]|$)[\s,.!:;–—-]*", re.IGNORECASE)
_HELP = re.compile(
    r"(?:help(?: me)?|who are you|what (?:can|do) you do|what can you help(?: me)? with|"
    r"(?:how )?(?:can|could) you help(?: me)?)",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"(?:ok(?:ay)?[,. ]*)?(?:thanks?(?: you)?|thx|cheers|great|perfect|bye|goodbye|see you)(?: (?:so|very) much| a lot| again)?",
    re.IGNORECASE,
)
_CLOCK = "[Now: "
"""The prompt puts the clock right before the messages to answer; user messages above it are history."""
_WHO = r"^[ \t]*(?:[^:?\[\n]{1,60}:[ \t]+)?"
_FILES = re.compile(rf"{_WHO}\[sent files that cannot be read here: .*\][ \t]*$", re.MULTILINE)
"""The prompt's note of files; their names may hold brackets themselves."""
_NOTE = re.compile(rf"{_FILES.pattern}|{_WHO}\[[^\]\n]*\][ \t]*$", re.MULTILINE)
"""A line in brackets is the prompt's own note: the clock, files that were sent, an empty message; behind who sent it, where
several people talk."""
_MENTION = re.compile(r"<[@#!][^>]*>")
_SPEAKER = re.compile(r"^\s*([^:?\n]{1,60}:\s+)(.*)$", re.DOTALL)
_ENDS = " \t!.,?:;-–—)(🙂👋😊"


def questions_of(messages: Sequence[ChatMessage]) -> list[str]:
    """Return the questions of the last consecutive user messages, in order; courtesies are left out. At most MAX_QUESTIONS."""
    found = [question for text in burst_of(messages) for line in text.splitlines() for question in _split(line)]
    return list(dict.fromkeys(found))[:MAX_QUESTIONS]


def burst_of(messages: Sequence[ChatMessage]) -> list[str]:
    """Return the texts of the last consecutive user messages, without mentions and the prompt's own notes."""
    return [_MENTION.sub(" ", _NOTE.sub("", text)) for text in _last(messages)]


def has_files(messages: Sequence[ChatMessage]) -> bool:
    """Return whether files came with the last consecutive user messages."""
    return any(_FILES.search(text) for text in _last(messages))


def _last(messages: Sequence[ChatMessage]) -> list[str]:
    burst: list[str] = []
    for message in reversed(messages):
        if message.role != "user":
            break
        burst.append(message.content)
        if message.content.startswith(_CLOCK):
            break
    return burst[::-1]


def without_speaker(question: str) -> str:
    """Return `question` without a name and colon before it, as the prompt writes where several people talk."""
    match = _SPEAKER.match(question)
    return match[2] if match else question


def is_thanks(texts: Sequence[str]) -> bool:
    """Return whether all that was said is thanks or good-bye."""
    lines = [line for text in texts for line in text.splitlines() if line.strip(_ENDS)]
    return bool(lines) and all(_THANKS.fullmatch(without_speaker(line).strip(_ENDS)) for line in lines)


def _split(line: str) -> list[str]:
    """The questions of a line, each with the statements before it; a line without a question mark is one question."""
    parts = re.findall(r"[^?]+\?*", line)
    if "?" in line:
        parts = [part for part in parts if "?" in part or len(terms(part)) > 2]
    return [part for part in (_without_courtesy(part) for part in parts) if part]


def _without_courtesy(part: str) -> str:
    said = without_speaker(part)
    speaker = part[: len(part) - len(said)].lstrip()
    text = _OPENING.sub("", said.strip())
    bare = text.strip(_ENDS)
    if not bare or any(courtesy.fullmatch(bare) for courtesy in (_THANKS, _GREETING, _HELP)):
        return ""
    return (speaker + text.strip())[:_QUESTION_MAX_CHARS]
