"""What people take back or change, whose words are not kept, and where the token may go."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"
_CHANGES = "tests/spine/test_changes.py"

CHANGES = (
    Removal(
        "bodies-of-the-deleted",
        "the deletion of the provider's bytes of a deleted message",
        f"{_SRC}/conversations/changes.py",
        "    await repository.forget_bodies(session, changed)\n    await repository.forget_summaries(session, changed)\n"
        "    await repository.forget_files(session, changed)\n",
        "    await repository.forget_summaries(session, changed)\n    await repository.forget_files(session, changed)\n",
        f"{_CHANGES}::test_a_deletion_leaves_no_word_anywhere",
    ),
    Removal(
        "thoughts-of-the-deleted",
        "that what turns thought of a deleted message goes",
        f"{_SRC}/conversations/changes.py",
        '    if changed.was != "pending":\n        await repository.forget_thoughts(session, changed)\n',
        "",
        f"{_CHANGES}::test_a_deletion_leaves_no_word_anywhere",
    ),
    Removal(
        "turn-unchanged",
        "the proof that nothing a turn has seen was deleted",
        f"{_SRC}/agents/turns_repository.py",
        "    if revision != turn.revision:\n        raise TurnChangedError\n",
        "",
        f"{_CHANGES}::test_deleted_while_it_is_answered",
    ),
    Removal(
        "deleted-before-it-came",
        "the key of a post that was deleted before it came",
        f"{_SRC}/conversations/changes.py",
        '        if await repository.bury(session, named.post_key):\n            return "buried"\n',
        "",
        f"{_CHANGES}::test_a_deletion_may_come_in_any_order",
    ),
    Removal(
        "later-edit-wins",
        "the order of two edits",
        f"{_SRC}/conversations/changes_repository.py",
        " AND (m.edited_at IS NULL OR m.edited_at < $5)",
        "",
        f"{_CHANGES}::test_an_edit_after_the_answer_changes_the_words_and_the_index_only",
    ),
    Removal(
        "own-edits",
        "that changes of our own messages are nothing",
        f"{_SRC}/channels/slack/changes.py",
        '    if is_own(envelope, before) or is_own(envelope, payload.mapping(event, "message")):\n',
        "    if False:\n",
        f"{_CHANGES}::test_changes_that_are_none",
    ),
    Removal(
        "strangers",
        "that nothing of a stranger is kept",
        f"{_SRC}/db/migrations/sql/0020_edits.sql",
        "    IF NOT FOUND THEN\n      RETURN 'stranger';\n    END IF;\n",
        "",
        "tests/spine/test_arrivals.py::test_strangers_are_neither_answered_nor_kept",
    ),
    Removal(
        "token-stays-here",
        "that no redirect is followed with the token",
        f"{_SRC}/channels/slack/media.py",
        "allow_redirects=False",
        "allow_redirects=True",
        "tests/channels/test_slack_media.py::test_the_token_never_goes_to_another_host",
    ),
    Removal(
        "token-to-slack-only",
        "the hosts to which the token may go",
        f"{_SRC}/channels/slack/media.py",
        "        if not self._is_ours(url):\n",
        "        if False:\n",
        "tests/channels/test_slack_media.py::test_the_token_never_goes_to_another_host",
    ),
    Removal(
        "edit-before-its-message",
        "the patience of an edit that comes before its message",
        f"{_SRC}/channels/changing.py",
        '        if outcome == "not_here" and received.age_s < PATIENCE_S and await self._may_come(received, event):\n',
        "        if False:\n",
        "tests/spine/test_replay.py::test_each_question_has_one_answer_however_it_is_delivered",
    ),
)
