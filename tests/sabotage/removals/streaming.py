"""What makes an answer that grows end as the one whole answer."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct/channels"
_FAULTS = "tests/streaming/test_faults.py"

STREAMING = (
    Removal(
        "stream-lease",
        "the lease before each call of an answer that grows",
        f"{_SRC}/streaming.py",
        '        if may is None:\n            raise Barred("lease_lost")\n',
        "        if may is None:\n            may = repository.May(60.0, True, True, True)\n",
        f"{_FAULTS}::test_whoever_has_lost_the_lease_adds_nothing",
    ),
    Removal(
        "stream-owner",
        "the owner before each call of an answer that grows",
        f"{_SRC}/streaming.py",
        '        if not may.ours:\n            raise Barred("owner_changed", stop=True)\n',
        "",
        f"{_FAULTS}::test_a_human_who_takes_over_ends_what_grows",
    ),
    Removal(
        "stream-row-first",
        "that the row stands before the message does",
        f"{_SRC}/streaming.py",
        '                raise Barred("not_stored") from None\n            raise\n',
        "                delivery_id = place.turn_id\n",
        f"{_FAULTS}::test_the_row_stands_before_the_message_does",
    ),
    Removal(
        "stream-name",
        "that the message's name is stored at once",
        f"{_SRC}/streaming.py",
        "            with contextlib.suppress(*TRANSIENT_ERRORS):\n                await self._store()\n",
        "            self._stored = True\n",
        "tests/streaming/test_growing.py::test_an_answer_grows_and_is_finished_in_place",
    ),
    Removal(
        "stream-certain",
        "that nothing is built upon what nobody knows",
        f"{_SRC}/streaming.py",
        "        certain = phase in _STATES and shown is not None and first.text.startswith(shown)\n",
        "        certain = phase in _STATES and shown is not None\n",
        "tests/streaming/test_growing.py::test_a_fallback_takes_the_place_of_what_was_shown",
    ),
    Removal(
        "stream-order",
        "that nothing grows while something else is on its way",
        f"{_SRC}/streams_repository.py",
        "    AND d.state IN ('pending', 'sending', 'unknown'))\nON CONFLICT",
        "    AND d.state IN ('pending', 'sending', 'unknown') AND false)\nON CONFLICT",
        "tests/streaming/test_growing.py::test_what_was_said_first_is_shown_first",
    ),
    Removal(
        "stream-append-unknown",
        "that an append of which nobody knows is not counted",
        f"{_SRC}/stream_machine.py",
        "            case Unknown():\n                # Whether it stands there",
        "            case Unknown():\n                self.shown = before\n                return\n"
        "                # Whether it stands there",
        "tests/streaming/test_machine.py::test_whatever_happens_the_whole_text_stands_there_once",
    ),
)
