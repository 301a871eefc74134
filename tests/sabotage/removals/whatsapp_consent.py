"""What keeps a business from writing first to who has not agreed."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql/0028_consent.sql"
_CONSTRAINT = "tests/consent/test_constraint.py"
_OPTING = "tests/consent/test_opting.py"

WHATSAPP_CONSENT = (
    Removal(
        "consent-when-stored",
        "the look for a consent when a message is stored",
        _SQL,
        "deliveries_consent_stored BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE",
        "deliveries_consent_stored BEFORE INSERT ON deliveries FOR EACH ROW WHEN (false) EXECUTE",
        f"{_CONSTRAINT}::test_what_consent_lets_in_and_what_not",
    ),
    Removal(
        "consent-when-sent",
        "the second look when the send begins",
        _SQL,
        "  WHEN (NEW.state = 'sending' AND OLD.state <> 'sending') EXECUTE FUNCTION delivery_consent();",
        "  WHEN (false) EXECUTE FUNCTION delivery_consent();",
        f"{_CONSTRAINT}::test_a_withdrawal_before_the_send_always_wins",
    ),
    Removal(
        "consent-lock",
        "the lock of the contact, for which a withdrawal waits",
        _SQL,
        "  PERFORM 1 FROM contacts WHERE tenant_id = NEW.tenant_id AND id = v_contact FOR SHARE;\n",
        "",
        f"{_CONSTRAINT}::test_a_withdrawal_before_the_send_always_wins",
    ),
    Removal(
        "consent-attested",
        "the attestation of a list",
        _SQL,
        "    AND (c.list_id IS NULL OR a.attested_at IS NOT NULL AND (l.kind <> 'import' OR c.created_at <= a.attested_at))\n",
        "",
        f"{_CONSTRAINT}::test_what_consent_lets_in_and_what_not",
    ),
    Removal(
        "consent-hashes",
        "the hashes by which who left is known again",
        _SQL,
        "        AND i.id_hash = contact_hash(p_tenant, k.account_id, k.external_id)\n",
        "        AND false\n",
        f"{_CONSTRAINT}::test_a_person_who_left_is_known_again",
    ),
    Removal(
        "consent-append-only",
        "the missing right to change or delete evidence",
        _SQL,
        "SELECT konstruct_protect('consents', 'SELECT, INSERT');",
        "SELECT konstruct_protect('consents');",
        f"{_CONSTRAINT}::test_what_is_recorded_stays",
    ),
    Removal(
        "opting-confirmed-once",
        "the look whether the confirmation was written already",
        "src/konstruct/channels/opting.py",
        "            if said is None or await repository.is_confirmed(session, message_id):\n",
        "            if said is None:\n",
        f"{_OPTING}::test_stop_ends_it_all_at_once_and_is_confirmed_once",
    ),
    Removal(
        "opting-own-word",
        "that only the person takes STOP back",
        _SQL,
        "AND c.purpose IN ('any', p_purpose) AND k.opted_out_at IS NULL\n",
        "AND c.purpose IN ('any', p_purpose)\n",
        f"{_OPTING}::test_stop_ends_it_all_at_once_and_is_confirmed_once",
    ),
    Removal(
        "opting-whole-message",
        "that the word is the whole message",
        "src/konstruct/conversations/consent/words.py",
        '    return words[0] if len(set(words)) == 1 else "".join(words)\n',
        '    return words[0] if words else ""\n',
        "tests/consent/test_words.py::test_a_word_inside_a_sentence_is_none",
    ),
    Removal(
        "evidence-formulas",
        "the sign before what a spreadsheet would take for a formula",
        "src/konstruct/conversations/consent/evidence_file.py",
        '        yield f"\'{text}" if text.startswith(_FORMULA) else text\n',
        "        yield text\n",
        "tests/consent/test_pages.py::test_one_by_hand_its_evidence_and_its_withdrawal",
    ),
)
