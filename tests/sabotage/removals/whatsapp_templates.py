"""What keeps the reply window, and what keeps templates to those that are approved."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql/0027_templates.sql"
_WINDOW = "tests/outreach/test_reply_window.py"
_TEMPLATES = "tests/outreach/test_templates.py"
_WAITS = f"{_WINDOW}::test_an_answer_that_comes_too_late_waits_and_goes_out_when_they_write"

WHATSAPP_TEMPLATES = (
    Removal(
        "window-waits",
        "that what comes too late waits where a template would go",
        "src/konstruct/channels/delivery.py",
        "        if job.waits_outside:\n            raise _WindowClosed\n",
        "",
        _WAITS,
    ),
    Removal(
        "window-calls",
        "that whoever opens a window calls the sender",
        _SQL,
        "    PERFORM queue_bump(NEW.tenant_id, v_conversation, 'send', interval '0');",
        "    NULL;",
        _WAITS,
    ),
    Removal(
        "window-overtaken",
        "that templates do not wait with the rest",
        "src/konstruct/channels/waiting_repository.py",
        " AND d.state = 'pending' AND d.form <> 'template'",
        " AND d.state = 'pending'",
        f"{_WINDOW}::test_a_template_goes_past_what_waits",
    ),
    Removal(
        "window-database",
        "the database's own word on the window",
        _SQL,
        "  ELSIF v_until > clock_timestamp() THEN",
        "  ELSE",
        f"{_WINDOW}::test_the_database_refuses_what_the_sender_should_not_have_tried",
    ),
    Removal(
        "window-shut",
        "that a window which the provider calls closed is closed",
        "src/konstruct/channels/waiting.py",
        "        await repository.shut(session, job.sender.contact_id, seen)",
        "        pass",
        f"{_WINDOW}::test_what_meta_refuses_for_its_own_clock_waits_likewise",
    ),
    Removal(
        "window-reply",
        "that a colleague's reply is refused while it would only wait",
        "src/konstruct/conversations/replies.py",
        "    if place.window_closed:",
        "    if False:",
        "tests/outreach/test_pages.py::test_a_reply_into_a_closed_window_is_refused_and_not_lost",
    ),
    Removal(
        "templates-approved",
        "that only an approved template goes",
        "src/konstruct/channels/outreach/approved.py",
        "    if not template.approved:",
        "    if False:",
        f"{_TEMPLATES}::test_only_an_approved_template_goes",
    ),
    Removal(
        "templates-newer",
        "that an old word about a template changes nothing",
        "src/konstruct/channels/templates/templates_repository.py",
        "IS NOT NULL AND state_at <= to_timestamp($10) THEN $6 ELSE",
        "IS NOT NULL THEN $6 ELSE",
        f"{_TEMPLATES}::test_a_change_counts_if_it_is_newer_than_what_is_known",
    ),
    Removal(
        "templates-parameters",
        "that no line break stands in a parameter",
        "src/konstruct/channels/templates/filling.py",
        "    if _BROKEN.search(value):",
        "    if False:",
        f"{_TEMPLATES}::test_what_is_filled_in_is_what_meta_takes",
    ),
)
