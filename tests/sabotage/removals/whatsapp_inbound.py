"""What holds where Meta's deliveries come in, and where it is decided who somebody is."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"
_SQL = f"{_SRC}/db/migrations/sql/0026_identity.sql"

WHATSAPP_INBOUND = (
    Removal(
        "meta-signature",
        "that Meta has signed the bytes",
        f"{_SRC}/channels/whatsapp/signature.py",
        "return None if hmac.compare_digest(expected, given)",
        "return None if given",
        "tests/bad_input/test_meta_payloads.py::test_who_may_speak_to_the_webhook",
    ),
    Removal(
        "meta-own-words",
        "that our own words are no person's",
        f"{_SRC}/channels/whatsapp/messages.py",
        "    if change.display and change.display in author.ids:",
        "    if False:",
        "tests/identity/test_meta_replay.py::test_each_question_has_one_answer_however_it_is_delivered",
    ),
    Removal(
        "contact-lock",
        "that one at a time finds or makes contacts of a number",
        _SQL,
        "      PERFORM contacts_hold(v_held);",
        "      PERFORM 1;",
        "tests/identity/test_contacts.py::test_many_at_once_make_one",
    ),
    Removal(
        "contact-heir",
        "that a number alone joins nobody to somebody else",
        f"{_SRC}/conversations/addresses_repository.py",
        '        "   AND NOT EXISTS (SELECT 1 FROM meant) ORDER BY',
        '        "   ORDER BY',
        "tests/identity/test_readdressing.py::test_who_has_the_old_number_now_is_somebody_else",
    ),
    Removal(
        "contact-past",
        "that nothing is sent to a name of before",
        f"{_SRC}/channels/deliveries_repository.py",
        " AND i.ended_at IS NULL",
        "",
        "tests/identity/test_readdressing.py::test_nothing_is_sent_to_a_name_of_before",
    ),
    Removal(
        "merge-busy",
        "that nothing moves while somebody is being answered",
        f"{_SRC}/conversations/merging.py",
        "    if await repository.busy(session, list(conversations.values())):",
        "    if False:",
        "tests/identity/test_merging.py::test_nothing_moves_while_somebody_is_answered",
    ),
    Removal(
        "meta-piece",
        "that what came in a batch is kept alone",
        f"{_SRC}/channels/ingest_repository.py",
        "item.body if message.piece is None else message.piece",
        "item.body",
        "tests/bad_input/test_meta_payloads.py::test_a_body_of_three_megabytes",
    ),
    Removal(
        "receipt-rank",
        "that a message's states only climb",
        f"{_SRC}/channels/receipts_repository.py",
        "     > coalesce(array_position(",
        "     > 0 * coalesce(array_position(",
        "tests/identity/test_meta_replay.py::test_states_of_a_message_only_climb",
    ),
    Removal(
        "business-holder",
        "that a whole business account's event goes to who holds it",
        f"{_SRC}/channels/business_routes.py",
        "        chosen = (named or known)[:1]",
        "        chosen = known[:1]",
        "tests/identity/test_whole_business.py::test_it_goes_to_the_business_that_holds_it",
    ),
    Removal(
        "window-future",
        "that a time which has not come opens no window",
        _SQL,
        "contact_heard(p_tenant, v_owner_id, least(v_sent, now()) + p_window)",
        "contact_heard(p_tenant, v_owner_id, p_sent + p_window)",
        "tests/identity/test_contacts.py::test_the_reply_window",
    ),
    Removal(
        "forget-names",
        "that a person is forgotten under every name",
        f"{_SRC}/conversations/forgetting.py",
        "        person = replace(person, names=",
        "        _ = replace(person, names=",
        "tests/identity/test_forgetting_names.py::test_every_name_counts",
    ),
)
