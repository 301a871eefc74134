"""What keeps a number from being lost, and each message from being counted twice."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct/channels"
_BREAKER = "tests/quality/test_breaker.py"
_POLLS = "tests/quality/test_polls.py"

WHATSAPP_QUALITY = (
    Removal(
        "a-stop-comes-before-a-send",
        "the hold of a number's standing while a send begins",
        f"{_SRC}/quality/repository.py",
        "WHERE tenant_id = $1 AND account_id = $2 FOR SHARE",
        "WHERE tenant_id = $1 AND account_id = $2",
        f"{_BREAKER}::test_no_send_begins_after_a_stop_and_a_stop_waits_for_those_that_have_begun",
    ),
    Removal(
        "a-ban-opens-no-token",
        "the refusal of a suspended account's token",
        f"{_SRC}/credentials.py",
        "        if held.suspended and not suspended:\n",
        "        if False:\n",
        f"{_POLLS}::test_a_suspended_number_is_asked_about_still_and_used_for_nothing_else",
    ),
    Removal(
        "red-needs-a-person",
        "the hold that follows a grave rating",
        f"{_SRC}/quality/machine.py",
        "calm_since=None, cooling=True, hold=worst(old.hold, _held(level)))",
        "calm_since=None, cooling=True)",
        "tests/quality/test_machine.py::test_a_warning_ends_by_itself_and_red_does_not",
    ),
    Removal(
        "looked-into-counts-no-more",
        "the moment from which the breaker counts",
        f"{_SRC}/quality/breaker_repository.py",
        "greatest(now() - interval '1 day', s.counted_from)",
        "now() - interval '1 day'",
        f"{_BREAKER}::test_what_went_badly_stops_writing_first_until_a_person_has_looked",
    ),
    Removal(
        "a-message-is-billed-once",
        "the rank of the status that a message's price is taken from",
        f"{_SRC}/charges_repository.py",
        "  WHERE c.rank < excluded.rank RETURNING c.*\n",
        "  RETURNING c.*\n",
        "tests/quality/test_charges.py::test_each_message_counts_once",
    ),
    Removal(
        "whole-business-only",
        "the number that an event of a business account is about",
        f"{_SRC}/quality/repository.py",
        "OR o.kind = a.kind AND o.business_account_id = a.business_account_id AND",
        "OR o.kind = a.kind AND",
        f"{_POLLS}::test_what_meta_says_by_itself_holds_for_all_numbers_of_the_business_account",
    ),
)
