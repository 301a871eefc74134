"""What holds where people press, command and ask to be forgotten."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"

DESK = (
    Removal(
        "action-account",
        "that an action belongs to the account that a press came through",
        f"{_SRC}/conversations/actions.py",
        "known = action is not None and action.account_id == account_id and action.kind in handlers",
        "known = action is not None and action.kind in handlers",
        "tests/desk/test_actions.py::test_the_button_of_another_account_means_nothing",
    ),
    Removal(
        "action-presser",
        "who may decide on an action",
        f"{_SRC}/conversations/actions.py",
        "    if not await _may(session, action, presser):",
        "    if False:",
        "tests/desk/test_actions.py::test_who_may_decide_and_how_often",
    ),
    Removal(
        "action-once",
        "that an action is decided once",
        f"{_SRC}/conversations/actions_repository.py",
        " WHERE tenant_id = $1 AND id = $2 AND state = 'open' AND expires_at > now() RETURNING",
        " WHERE tenant_id = $1 AND id = $2 AND expires_at > now() RETURNING",
        "tests/desk/test_actions.py::test_a_press_waits_for_the_decision_of_another",
    ),
    Removal(
        "action-time",
        "that an action's time is over",
        f"{_SRC}/conversations/actions_repository.py",
        "state = 'open' AND expires_at > now() RETURNING",
        "state = 'open' RETURNING",
        "tests/desk/test_actions.py::test_its_time_is_over",
    ),
    Removal(
        "rating-conversation",
        "that only people of a conversation rate its answers",
        f"{_SRC}/conversations/ratings_repository.py",
        "WHERE EXISTS (SELECT 1 FROM messages m WHERE m.tenant_id = $1 AND m.contact_id = k.id AND m.conversation_id"
        " = d.conversation_id)",
        "",
        "tests/desk/test_feedback.py::test_who_may_not_rate_what",
    ),
    Removal(
        "rating-order",
        "the provider's time of a rating",
        f"{_SRC}/conversations/ratings_repository.py",
        '"   WHERE r.pressed_at < excluded.pressed_at RETURNING good)"',
        '"   RETURNING good)"',
        "tests/desk/test_feedback.py::test_an_answer_asks_for_a_rating_and_the_last_word_counts",
    ),
    Removal(
        "pause-permission",
        "who may pause the employee",
        f"{_SRC}/channels/desk_actions.py",
        "if presser.member is None or not allows(presser.member.role, Permission.MANAGE_CHANNELS):",
        "if presser.member is None:",
        "tests/desk/test_commands.py::test_who_may_pause_and_what_a_pause_does",
    ),
    Removal(
        "pause-under-way",
        "that a pause meets an answer under way",
        f"{_SRC}/agents/turns_repository.py",
        'return "paused" if row["paused"] else "ours"',
        'return "ours"',
        "tests/desk/test_commands.py::test_a_pause_meets_an_answer_under_way",
    ),
    Removal(
        "code-once",
        "that a code links once, and not after its time",
        f"{_SRC}/tenants/identities_repository.py",
        "AND code_hash = $2 AND expires_at > now() RETURNING member_id",
        "AND code_hash = $2 RETURNING member_id",
        "tests/desk/test_commands.py::test_a_link_takes_both_sides",
    ),
    Removal(
        "reply-address",
        "to which addresses answers go",
        f"{_SRC}/channels/slack/interactive_calls.py",
        "if note.reply_url is not None and reply_urls.allowed(note.reply_url, api_url):",
        "if note.reply_url is not None:",
        "tests/desk/test_commands.py::test_help_says_who_it_is_and_whatever_else_is_typed_is_help",
    ),
    Removal(
        "forget-confirmation",
        "that only the person lets themselves be forgotten",
        f"{_SRC}/conversations/actions.py",
        "        return presser.external_id == who.person",
        "        return True",
        "tests/desk/test_forgetting.py::test_a_person_is_forgotten_in_one_workspace_and_nobody_else_is",
    ),
    Removal(
        "forget-account",
        "whose conversations are forgotten",
        f"{_SRC}/conversations/forgetting_repository.py",
        "    AND c.audience = 'person' AND c.audience_key = $3\n",
        "    AND $3 <> ''\n",
        "tests/desk/test_forgetting.py::test_a_person_is_forgotten_in_one_workspace_and_nobody_else_is",
    ),
)
