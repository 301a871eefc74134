"""The log's own behaviour: levels, ids, what is withheld, and that logging never breaks the caller."""

from __future__ import annotations

import io
import json
import logging
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog

from konstruct.kit.errors import ConflictError
from konstruct.kit.log import Sink, StdlibHandler, log_ids, take_over_loggers
from konstruct.kit.log_errors import describe_error, error_name


def emitted(fields: dict[str, Any], error: BaseException | None = None, *, readable: bool = False) -> str:
    stream = io.StringIO()
    Sink(stream, "test", readable=readable).emit("info", fields, error)
    return stream.getvalue()


def line(**fields: Any) -> dict[str, Any]:
    loaded = json.loads(emitted({"event": "x", **fields}))
    assert isinstance(loaded, dict)
    return loaded


def test_numbers_ids_and_words_pass() -> None:
    class State(Enum):
        SENT = "sent"

    tenant = uuid4()
    shown = line(
        tenant_id=tenant, delivery_id=str(tenant), count=3, seconds=0.5, state=State.SENT, lane="turn", reason="signature differs"
    )
    assert shown["tenant_id"] == shown["delivery_id"] == str(tenant)
    assert (shown["count"], shown["seconds"], shown["state"], shown["lane"]) == (3, 0.5, "sent", "turn")
    assert shown["reason"] == "signature differs"


@pytest.mark.parametrize(
    "field",
    [
        {"text": "hello"},
        {"display_name": "Alice"},
        {"payload": {"a": 1}},
        {"detail": "hello there"},
        {"reason": "Alice said no"},
        {"error": "could not parse 'hello there'"},
        {"conversation_id": "Alice, Bob and hello"},
        {"state": "a sentence of a person"},
        {"token": 12345},
        {"thing": object()},
        {"items": ["hello there"]},
    ],
)
def test_anything_else_is_withheld_and_said_so(field: dict[str, Any]) -> None:
    shown = line(**field)
    (key,) = field
    assert key not in shown
    assert shown["withheld"] == [key]


def test_a_secret_under_an_allowed_field_is_redacted() -> None:
    assert line(target="xoxb-1234-abcdef")["target"] == "[secret]"
    assert line(url="redis://:hunter2@cache/0")["url"] == "redis://:[password]@cache/0"


def test_ids_of_the_context_are_on_every_line_of_the_block_and_gone_after_it() -> None:
    tenant = uuid4()
    with log_ids(tenant_id=tenant, turn_id=None):
        assert line()["tenant_id"] == str(tenant)
        assert "turn_id" not in line()
    assert "tenant_id" not in line()
    assert structlog.contextvars.get_contextvars() == {}


def test_a_value_that_cannot_be_shown_costs_its_line_only() -> None:
    class Broken(UUID):
        def __str__(self) -> str:
            raise RuntimeError("hunter2")

    text = emitted({"event": "x", "turn_id": Broken(int=1)})
    assert json.loads(text)["event"] == "log_line_failed"
    assert "hunter2" not in text


def test_a_closed_stream_does_not_break_the_caller() -> None:
    stream = io.StringIO()
    sink = Sink(stream, "test", readable=False)
    stream.close()
    sink.emit("info", {"event": "x"})
    assert sink.lost == 1


def test_lone_surrogates_and_control_characters_stay_on_one_line() -> None:
    text = emitted({"event": "odd \ud800 \x00 \n {}"})
    assert text.count("\n") == 1
    json.loads(text)


def test_the_readable_form_withholds_as_well() -> None:
    text = emitted({"event": "said", "text": "hunter2"}, ValueError("hunter2"), readable=True)
    assert "said" in text
    assert "hunter2" not in text


def test_only_our_own_errors_keep_their_message() -> None:
    try:
        try:
            raise OSError(28, "hunter2")
        except OSError as error:
            raise ConflictError("this workspace is connected already") from error
    except ConflictError as caught:
        shown = describe_error(caught)
    assert shown["says"] == "this workspace is connected already"
    assert shown["cause"] == {"type": "OSError", "errno": 28, "at": shown["cause"]["at"]}
    assert "hunter2" not in json.dumps(shown)
    assert error_name(OSError(28, "hunter2")) == "OSError:28"


def test_an_endless_chain_of_causes_is_cut() -> None:
    first = error = ValueError("0")
    for number in range(2000):
        error.__cause__ = ValueError(str(number))
        error = error.__cause__
    error.__cause__ = first
    assert json.dumps(describe_error(first)).count("ValueError") == 5


def test_a_library_that_formats_before_it_logs_is_withheld() -> None:
    stream = io.StringIO()
    logger = logging.Logger("slack_sdk.web")
    logger.addHandler(StdlibHandler(Sink(stream, "test", readable=False)))
    body = "hunter2"
    logger.info(f"sending {body}")
    logger.info("sending %s", body)
    logger.warning("%(said)s", {"said": body}, extra={"text": body})
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("(message withheld)") == 3


def test_a_silenced_logger_stays_silent_and_a_chatty_one_is_taken_over() -> None:
    silenced, chatty = logging.getLogger("konstruct.test.silenced"), logging.getLogger("konstruct.test.chatty")
    silenced.setLevel(logging.CRITICAL + 1)
    chatty.setLevel(logging.DEBUG)
    chatty.propagate = False
    handler = logging.NullHandler()
    chatty.addHandler(handler)
    take_over_loggers(loglevel=10, logfile=None)
    assert silenced.level == logging.CRITICAL + 1
    assert (chatty.level, chatty.propagate, chatty.handlers) == (logging.NOTSET, True, [])
