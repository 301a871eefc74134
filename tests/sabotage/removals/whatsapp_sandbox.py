"""What makes the sandbox's Meta as strict as the real one, and keeps it in the sandbox."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_META = "src/konstruct/local/sandbox/meta"
_MESSAGES = "tests/sandbox/test_meta_messages.py"
_WEBHOOKS = "tests/sandbox/test_meta_webhooks.py"
_GRAPH = "tests/sandbox/test_meta_graph.py"

WHATSAPP_SANDBOX = (
    Removal(
        "sandbox-meta-window",
        "that a free text needs an open window",
        f"{_META}/sending.py",
        "        if not open_window:\n            raise GraphError(131047, later=True)\n",
        "",
        f"{_MESSAGES}::test_only_who_wrote_within_a_day_gets_a_free_text",
    ),
    Removal(
        "sandbox-meta-tier",
        "the portfolio's limit",
        f"{_META}/phones.py",
        "            if 0 <= limit <= len(known):\n                return False\n",
        "",
        f"{_MESSAGES}::test_how_many_people_are_written_to_first",
    ),
    Removal(
        "sandbox-meta-escaped",
        "that what is signed is escaped",
        f"{_META}/wire.py",
        '.replace("/", "\\\\/")',
        "",
        f"{_WEBHOOKS}::test_what_is_signed_is_escaped",
    ),
    Removal(
        "sandbox-meta-hidden-number",
        "that a hidden number is told to nobody",
        f"{_META}/values.py",
        "    shown = {number_name: phone.digits} if phone.shows_number else {}\n",
        "    shown = {number_name: phone.digits}\n",
        f"{_WEBHOOKS}::test_a_hidden_number_is_never_told",
    ),
    Removal(
        "sandbox-meta-other-token",
        "that a token opens its own account alone",
        f"{_META}/calls.py",
        '        if number is None or number.waba_id != token.waba_id or number.status == "DELETED":',
        '        if number is None or number.status == "DELETED":',
        f"{_GRAPH}::test_nothing_is_there_for_another_token",
    ),
    Removal(
        "sandbox-meta-code-once",
        "that a code is good once",
        f"{_META}/tokens.py",
        '            if row["used_at"] is not None:\n                return "used"\n',
        "",
        f"{_GRAPH}::test_a_code_is_good_once_and_for_half_a_minute",
    ),
    Removal(
        "sandbox-quick-answer-reads",
        "that a quick answer marks the message as read",
        "src/konstruct/channels/work_sign.py",
        "        if unread or (self._asked and (late or not answered)):",
        "        if self._asked and (late or not answered):",
        "tests/sandbox/test_whatsapp_end_to_end.py::test_each_business_answers_its_own_customers",
    ),
)
