"""What keeps a business from writing to too many people, or too fast."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct/channels"
_VOLUME = "tests/volume/test_volume.py"
_PROPERTY = "tests/volume/test_property.py::test_nothing_that_happens_in_two_days_makes_it_break_a_rule"

WHATSAPP_VOLUME = (
    Removal(
        "volume-check",
        "the count of people before a send",
        f"{_SRC}/outreach/checks.py",
        "    volume.check,\n",
        "",
        _PROPERTY,
    ),
    Removal(
        "volume-lock",
        "the lock of the portfolio's row",
        f"{_SRC}/outreach/pools_repository.py",
        'f"{_PORTFOLIO} FOR NO KEY UPDATE"',
        "_PORTFOLIO",
        f"{_VOLUME}::test_three_numbers_at_once_share_one_ceiling",
    ),
    Removal(
        "volume-gives-back",
        "that what was not sent does not count",
        f"{_SRC}/outreach/volume.py",
        "    await places_repository.give_back(session, delivery_id)\n",
        "",
        f"{_VOLUME}::test_what_counts_and_what_does_not",
    ),
    Removal(
        "volume-lowered-by-refusal",
        "that a refusal for too much lowers the volume",
        f"{_SRC}/refusals.py",
        "        await tier_changes.refused(session, refusal.account_id)\n",
        "        pass\n",
        f"{_VOLUME}::test_a_refusal_for_too_much_keeps_the_message_and_lowers_the_volume",
    ),
    Removal(
        "pace-of-a-person",
        "the spacing of messages to one person in PostgreSQL",
        f"{_SRC}/pacing.py",
        "        wait_s = await pace_repository.take_pair(session, conversation_id, rate.spacing_s, self._patience.send_s)\n",
        "        wait_s = 0.0\n",
        _PROPERTY,
    ),
    Removal(
        "pace-of-a-number",
        "the pace of a number in PostgreSQL",
        f"{_SRC}/pacing.py",
        "            wait_s = await pace_repository.take_number(session, account_id, rate.interval_s, rate.burst)\n",
        "            wait_s = 0.0\n",
        "tests/volume/test_pace.py::test_three_workers_and_a_valkey_that_forgets_do_not_send_faster",
    ),
    Removal(
        "portfolio-of-one-business",
        "that a portfolio which is learned later is held",
        f"{_SRC}/holdings.py",
        "            await holdings_repository.hold_account(session, account_id)\n",
        "",
        "tests/volume/test_holdings.py::test_the_later_one_is_refused_or_stopped",
    ),
)
