"""The demo: no model, only quotes of the tenant's own documents, so that nothing it says is made up. Never in production."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Protocol

from konstruct.db.scope import TenantScope
from konstruct.kit.errors import SettingsError
from konstruct.llm.backends.demo_questions import burst_of, has_files, is_thanks, questions_of, without_speaker
from konstruct.llm.backends.demo_sentences import Quote, Sentence, best_quote, sentences_of
from konstruct.llm.port import ChatRequest, Delta, Finish, TextDelta, Usage

LABEL = "_Demo mode: no language model is connected; I only quote this business's documents._"
"""Stands under every reply: nobody may take a quotation machine for the product's answers."""
MODEL = "demo/extractive"
OFF_TOPIC = "[off-topic]"
"""The mark that a prompt may ask for."""
FILES_UNREAD = "I cannot read files here. Please write what you need from them as a message."
_PASSAGES = 8
_NAME = re.compile("You are (.{1,100}?), an AI employee of ")
"""How a persona begins."""
_QUESTION_SHOWN = 80


class PassageLike(Protocol):
    """A piece of one of the tenant's documents."""

    @property
    def title(self) -> str:
        """The document's title."""

    @property
    def text(self) -> str:
        """The words; lines that begin with # are headings."""

    @property
    def source(self) -> str:
        """Where the document came from."""

    @property
    def recorded_at(self) -> datetime:
        """When the piece was stored."""


class Knowledge(Protocol):
    """Reads the documents of one tenant."""

    async def passages(self, scope: TenantScope, query: str, limit: int) -> Sequence[PassageLike]:
        """Return the passages nearest to `query`, best first; for an empty query the first passage of each document."""


class DemoBackend:
    """Answers each question of the burst with the best sentences of the tenant's documents, or says that it does not know."""

    name = "demo"
    model = MODEL

    def __init__(self, knowledge: Knowledge, *, env: str) -> None:
        """Raises SettingsError where `env` is `production`."""
        if env == "production":
            raise SettingsError("KONSTRUCT_LLM_BACKEND=demo is refused with KONSTRUCT_ENV=production: connect a real model")
        self._knowledge = knowledge

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        """Yield the reply in one piece; the same documents and messages always give the same reply."""
        answer = await self._answer(request)
        yield TextDelta(f"{answer}\n\n{LABEL}")
        yield Finish("stop", Usage(0, 0, 0), MODEL)

    async def close(self) -> None:
        """Nothing to release."""

    async def _answer(self, request: ChatRequest) -> str:
        questions = questions_of(request.messages)
        unread = [FILES_UNREAD] if has_files(request.messages) else []
        if not questions:
            return "".join(unread) or await self._courtesy(request)
        quotes = [await self._quote(request.scope, question) for question in questions]
        if not any(quotes) and not unread and _is_bound(request):
            return f"{OFF_TOPIC} I found nothing about this in our documents."
        if len(questions) == 1:
            return "\n\n".join([_single(quotes[0]), *unread])
        parts = [_numbered(number, *pair) for number, pair in enumerate(zip(questions, quotes, strict=True), start=1)]
        return "\n\n".join([*parts, *unread])

    async def _quote(self, scope: TenantScope, question: str) -> Quote | None:
        passages = await self._knowledge.passages(scope, question, _PASSAGES)
        sentences: list[Sentence] = []
        for position, passage in enumerate(passages):
            sentences += sentences_of(passage.text, passage.title, position)
        return best_quote(question, sentences) or best_quote(without_speaker(question), sentences)

    async def _courtesy(self, request: ChatRequest) -> str:
        if is_thanks(burst_of(request.messages)):
            return "You are welcome!"
        passages = await self._knowledge.passages(request.scope, "", _PASSAGES)
        titles = list(dict.fromkeys(passage.title for passage in passages))
        hello = f"Hello!{_introduced(request)}"
        if not titles:
            return f"{hello} I have no documents of this business yet, so I cannot answer questions; a colleague can."
        return f"{hello} Ask me about {_listed(titles)}."


def _introduced(request: ChatRequest) -> str:
    """The name that the employee was given, so that a change of it can be seen even here."""
    first = request.messages[0] if request.messages else None
    match = _NAME.match(first.content) if first is not None and first.role == "system" else None
    return f" I am {match[1]}." if match else ""


def _is_bound(request: ChatRequest) -> bool:
    """Whether the prompt asks to mark what is none of the business's concern: here, what no document knows."""
    return any(message.role == "system" and OFF_TOPIC in message.content for message in request.messages)


def _single(quote: Quote | None) -> str:
    if quote is None:
        return "I do not know: I found nothing about this in our documents. A colleague may know."
    return f"> {quote.text}\n— “{quote.title}”"


def _numbered(number: int, question: str, quote: Quote | None) -> str:
    # Who asked is seen above the answer, and a mention that was taken out leaves blanks.
    said = " ".join(without_speaker(question).split())
    shown = said if len(said) <= _QUESTION_SHOWN else said[: _QUESTION_SHOWN - 1].rstrip() + "…"
    return f"{number}. *{shown.replace('*', '')}*\n{_single(quote)}"


def _listed(titles: Sequence[str]) -> str:
    quoted = [f"“{title}”" for title in titles]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " or " + quoted[-1]
