"""The prompt: within the context limit whatever was written, its beginning the same from turn to turn, nobody confused."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.agents.prompt import HOUSE_POLICY, RECALLED, assemble
from konstruct.agents.turn import Line, Step
from konstruct.llm.port import ToolCall
from konstruct.memory import window
from tests.agents.support import SCOPE, START, Found, line, persona, prompt, size, turn

TEXTS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["", "ok", "字" * 3, "word " * 30]),
    st.builds(lambda word, count: word * count, st.sampled_from(["a", "word ", "字", "é", "🙂"]), st.integers(0, 120_000)),
)


def chat(texts: list[str], first: int = 1) -> list[Line]:
    """A conversation in which both sides take turns."""
    return [line(first + n, text, "contact" if n % 2 == 0 else "ai") for n, text in enumerate(texts)]


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(TEXTS, max_size=60),
    asked=st.lists(TEXTS, min_size=1, max_size=40),
    context=st.integers(1000, 40_000),
    passages=st.lists(TEXTS, max_size=5),
    several=st.booleans(),
)
def test_within_the_context_limit_whatever_was_written(
    texts: list[str], asked: list[str], context: int, passages: list[str], several: bool
) -> None:
    who = persona(context=context, reply=400)
    history = chat(texts)
    questions = [line(len(history) + 1 + n, text, name="N" * 30) for n, text in enumerate(asked)]
    found = [Found("Opening hours", text) for text in passages]
    request = assemble(turn(history, questions, who=who, several=several), SCOPE, START, found)
    assert size(request) <= context
    assert request.messages[0].role == "system"
    assert request.messages[-1].content.startswith("[Now: Monday, 2026-03-02 09:30 UTC]")


def test_order_of_the_blocks() -> None:
    steps = (Step(0, "model", "", (ToolCall("c1", "look", "{}"),)), Step(1, "tools", "", results=("Refused.",)))
    history = [line(1, "hello"), line(2, "Hello!", "ai"), line(3, "a colleague speaks", "human")]
    request = assemble(turn(history, [line(4, "open?")], steps=steps), SCOPE, START, [Found("Hours", "Daily from 9.")])
    assert [message.role for message in request.messages] == [
        "system", "user", "assistant", "assistant", "user", "user", "assistant", "tool",
    ]  # fmt: skip
    texts = [message.content for message in request.messages]
    assert texts[1:4] == ["hello", "Hello!", "a colleague speaks"]
    assert texts[4] == f"{RECALLED}\n- From “Hours”, stored 2026-03-02: Daily from 9."
    assert texts[5] == "[Now: Monday, 2026-03-02 09:30 UTC]\nopen?"
    assert (request.messages[6].tool_calls[0].id, request.messages[7].tool_call_id) == ("c1", "c1")


def test_nothing_that_changes_stands_before_the_history() -> None:
    history = chat(["hello", "Hello!"] * 5)
    first = prompt(turn(history, [line(11, "one")]), START, [Found("Hours", "Daily.")])
    later = prompt(turn(history, [line(11, "two")], number=9), START + timedelta(days=40), [Found("Prices", "High.")])
    assert first[:11] == later[:11]
    assert first[11:] != later[11:]


def test_the_beginning_holds_for_most_consecutive_turns() -> None:
    texts = [f"message number {n}, of an ordinary length" for n in range(401)]
    unchanged = 0
    for count in range(2, 400, 2):
        before, after = (prompt(turn(chat(texts[:n])[-200:])) for n in (count, count + 2))
        unchanged += after[: len(before) - 1] == before[:-1]
    assert unchanged / 199 > 0.85


def test_the_beginning_holds_mostly_even_where_the_limit_presses() -> None:
    texts = [f"{n} " + "words " * 150 for n in range(201)]
    who = persona(context=6000, reply=500)
    unchanged = 0
    for count in range(2, 200, 2):
        before, after = (prompt(turn(chat(texts[:n])[-200:], who=who)) for n in (count, count + 2))
        unchanged += after[: len(before) - 1] == before[:-1]
    assert unchanged / 99 > 0.5


def test_an_enormous_message_is_shortened_with_a_note() -> None:
    for text in ("START " + "word " * 100_000 + "END", "START " + "字" * 300_000 + "END", "START " + "é" * 300_000 + "END"):
        asked = prompt(turn([], [line(1, text)]))[-1]
        assert asked.splitlines()[1].startswith("START ")
        assert asked.endswith("END")
        assert "characters left out: the message was too long" in asked
        kept = asked.partition("\n")[2]
        start, _, end = kept.partition("\n[… ")
        count = int(end.partition(" ")[0])
        assert count + len(start) + len(end.partition("…]\n")[2]) == len(text)
        # Shortened, not thrown away: about half of the context is used.
        assert window.tokens(asked) > 6000


def test_an_enormous_message_does_not_push_the_last_answers_out() -> None:
    history = [*chat(["hello", "Hello!"]), line(3, "word " * 100_000), line(4, "I read the beginning.", "ai")]
    texts = prompt(turn(history))
    assert texts[1:3] == ["hello", "Hello!"]
    assert "left out" in texts[3]
    assert texts[4] == "I read the beginning."


def test_messages_that_fit_are_shown_whole() -> None:
    said, asked = "s" * 6000, "a" * 15_000
    assert prompt(turn([line(1, said)], [line(2, asked)]))[1:] == [said, f"[Now: Monday, 2026-03-02 09:30 UTC]\n{asked}"]


def test_too_many_messages_to_answer_are_counted_and_the_latest_shown() -> None:
    asked = prompt(turn([], [line(n, f"message {n}: " + "words " * 100) for n in range(1, 501)]))[-1]
    assert "earlier messages left out: they were too many" in asked.splitlines()[1]
    left = int(asked.splitlines()[1].split()[1])
    assert f"message {left + 1}: " in asked
    assert f"message {left}: " not in asked
    assert "message 500: " in asked

    short = prompt(turn([], [line(n, f"message {n}") for n in range(1, 501)]))[-1]
    assert "left out" not in short
    assert len(short.splitlines()) == 501


def test_people_are_named_in_a_thread_and_only_there() -> None:
    lines = [
        line(1, "who is in?", name="Mona"),
        line(2, "I am.", "ai"),
        line(3, "me too", name="Ole", user="U2"),
        line(4, "and me", user="U3"),
    ]
    in_thread = prompt(turn(lines[:2], lines[2:], several=True))
    assert in_thread[1:3] == ["Mona: who is in?", "I am."]
    assert in_thread[-1].splitlines()[1:] == ["Ole: me too", "Person U3: and me"]
    alone = prompt(turn(lines[:2], lines[2:], several=False))
    assert alone[1:3] == ["who is in?", "I am."]
    assert alone[-1].splitlines()[1:] == ["me too", "and me"]


def test_files_and_empty_messages_are_said() -> None:
    asked = prompt(turn([], [line(1, "", files=("a.pdf", "b.png")), line(2, " look \n", files=("c",)), line(3, " ")]))[-1]
    assert asked.splitlines()[1:] == [
        "[sent files that cannot be read here: a.pdf, b.png]",
        "look",
        "[sent files that cannot be read here: c]",
        "[an empty message]",
    ]


def test_passages_keep_their_order_and_stop_at_their_share() -> None:
    found = [Found(f"Document {n}", "word " * 2000) for n in range(5)]
    known = prompt(turn(), START, found)[-2]
    assert "Document 0" in known
    assert "Document 4" not in known
    assert prompt(turn(), START, [Found("Long", "字" * 100_000)])[-2].startswith("You are Ada")


def test_a_persona_that_fills_the_context_still_lets_the_question_through() -> None:
    request = assemble(turn(chat(["hello"] * 10), who=persona("p" * 99_000)), SCOPE, START)
    assert [message.role for message in request.messages] == ["system", "user"]
    assert request.messages[-1].content.endswith("when do you open?")
    assert HOUSE_POLICY in request.messages[0].content
