"""One adapter with one thing wrong for every rule: exactly that rule fails."""

from __future__ import annotations

import pytest

import tests.channels.contract.suite  # noqa: F401  # it brings the rules
from tests.channels.contract.broken import BROKEN
from tests.channels.contract.plain_adapter import PlainAdapter
from tests.channels.contract.plain_harness import plain_harness
from tests.channels.contract.rule import RULES

OTHERS = {
    "an_echo_names_its_delivery": "Pigeon has no echoes",
    "a_file_is_named": "and takes no files",
    "a_file_is_read_within_its_bound": "likewise",
    "an_edit_changes_the_one_message": "and what it has shown stays as it is",
    "a_stream_is_one_message_and_ends": "likewise",
    "what_grows_is_safe_at_every_length": "likewise",
    "nobody_is_mentioned_but_the_participants": "and mentions nobody",
    "a_file_can_be_said_in_words": "and sends no files",
    "a_file_is_shown_whole": "likewise",
    "a_template_goes_where_the_window_is_closed": "and knows no templates",
    "what_is_refused_late_means_the_same": "likewise",
    "choices_that_buttons_have_no_room_for_become_a_list": "and no lists",
    "without_a_message_heard_there_is_no_sign": "and no sign of work",
    "no_signs_of_markdown_are_shown": "and shows no formatting",
}
"""Rules that the test adapter cannot break: they are broken in Slack's adapter (test_slack_contract.py), or in WhatsApp's
(test_whatsapp_contract.py)."""


def test_each_rule_has_its_broken_adapter() -> None:
    assert set(BROKEN) | set(OTHERS) == set(RULES) and not set(BROKEN) & set(OTHERS)
    assert all(not RULES[name].applies(PlainAdapter.caps) for name in OTHERS)


@pytest.mark.parametrize("broken", BROKEN)
async def test_exactly_its_rule_fails(broken: str) -> None:
    noticed = []
    for name, rule in RULES.items():
        if rule.slow and name != broken:
            continue
        async with plain_harness(BROKEN[broken]) as harness:
            if not rule.applies(harness.caps):
                continue
            try:
                await rule.check(harness)
            except AssertionError:
                noticed.append(name)
            except Exception as error:
                assert broken == "reads_never_raise", error
                noticed.append(name)
    assert noticed == [broken]
