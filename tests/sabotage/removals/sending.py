"""What makes an answer one, and the right one."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql"
_SRC = "src/konstruct"

SENDING = (
    Removal(
        "owner-epoch-at-the-send",
        "the owner's epoch before a send",
        f"{_SRC}/channels/deliveries_repository.py",
        '    if row["owner_epoch"] != owner_epoch:\n        return "owner_changed"\n',
        "",
        "tests/spine/test_ownership.py::test_a_takeover_between_answer_and_send_cancels_the_delivery",
    ),
    Removal(
        "owner-epoch-at-the-answer",
        "the owner's epoch before an answer",
        f"{_SRC}/agents/turns_repository.py",
        '    if row is None or row["owner_epoch"] != turn.owner_epoch:\n        return "handed_over"\n',
        "    assert row is not None\n",
        "tests/spine/test_ownership.py::test_a_takeover_while_the_model_thinks_sends_nothing",
    ),
    Removal(
        "reconcile",
        "the look-up before a resend",
        f"{_SRC}/channels/delivery.py",
        "        found = await self._look_up(job, delivery)\n",
        "        found: FindOutcome = Absent()\n",
        "tests/spine/test_unknown.py::test_without_an_echo_the_history_is_asked_once",
    ),
    Removal(
        "one-resend",
        "that there is one resend at most",
        f"{_SRC}/channels/delivery.py",
        "        if delivery.resent or delivery.age_s > lifetime_s(delivery):",
        "        if delivery.age_s > lifetime_s(delivery):",
        "tests/spine/test_unknown.py::test_unknown_twice_is_a_dead_letter_and_never_a_third_post",
    ),
    Removal(
        "no-retries-of-the-sdk",
        "that the SDK does not retry a write",
        f"{_SRC}/channels/slack/client.py",
        "logger=_SDK_LOG, retry_handlers=[])",
        "logger=_SDK_LOG)",
        "tests/channels/test_slack_contract.py::TestSlack::test_rule[a_send_is_one_call]",
    ),
    Removal(
        "pings",
        "the rule against mentions of strangers",
        f"{_SRC}/channels/slack/safety.py",
        "    text = _MENTION.sub(check, text)\n",
        "",
        "tests/channels/test_slack_render.py::test_inert",
    ),
    Removal(
        "one-answer-a-turn",
        "the unique index of a turn's parts",
        f"{_SQL}/0004_turns.sql",
        "CREATE UNIQUE INDEX deliveries_turn_part_once ON deliveries",
        "CREATE INDEX deliveries_turn_part_once ON deliveries",
        "tests/spine/test_crashes.py::test_a_turn_has_one_answer_whoever_writes_it",
    ),
)
