"""What keeps an install its own business's."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"
_STATE = "tests/web/test_install.py::test_a_state_is_this_sign_ins_for_ten_minutes_and_once"

INSTALLING = (
    Removal(
        "install-state",
        "the look at the state of an install",
        f"{_SRC}/web/portal/channels/install.py",
        '    if refused is not None:\n        log.info("install_state_refused"',
        '    if refused is StateRefusal.USED:\n        log.info("install_state_refused"',
        _STATE,
    ),
    Removal(
        "install-session",
        "that a state belongs to one sign-in",
        f"{_SRC}/channels/installs_repository.py",
        " AND session_id = $3 AND state_hash = $4",
        " AND $3::uuid IS NOT NULL AND state_hash = $4",
        _STATE,
    ),
    Removal(
        "install-once",
        "that a state works once",
        f"{_SRC}/channels/installs_repository.py",
        '" AND used_at IS NULL AND expires_at > now()"',
        '" AND expires_at > now()"',
        "tests/web/test_install.py::test_of_two_ways_back_at_once_one_is_taken",
    ),
    Removal(
        "install-in-time",
        "that a state holds for ten minutes",
        f"{_SRC}/channels/installs_repository.py",
        '" AND used_at IS NULL AND expires_at > now()"',
        '" AND used_at IS NULL"',
        _STATE,
    ),
    Removal(
        "claims-apart",
        "that the claims of workspaces and organisations do not touch",
        f"{_SRC}/db/migrations/sql/0018_installs.sql",
        "ALTER TABLE channel_routes ADD CONSTRAINT channel_routes_claims_apart EXCLUDE USING gist (claim WITH &&);",
        "",
        "tests/web/test_install.py::test_claims_that_touch_are_refused_whoever_has_them",
    ),
    Removal(
        "own-overlap",
        "that a business's own claims do not touch, with the words for it",
        f"{_SRC}/channels/accounts_storing.py",
        "        if await repository.find_overlapping(session, account):",
        "        if await repository.find_overlapping(session, account) is None:",
        "tests/web/test_install.py::test_claims_that_touch_are_refused_whoever_has_them",
    ),
    Removal(
        "revoke-at-disconnect",
        "that Slack is told to forget a token",
        f"{_SRC}/channels/accounts.py",
        "    if held is not None:\n        await _revoke(db, *held, adapters)",
        "    if held is None:\n        return True",
        "tests/web/test_install.py::test_disconnecting_takes_the_token_back_after_our_own_end_of_it",
    ),
    Removal(
        "revoke-own-only",
        "that a token which another business has by now is not taken back",
        f"{_SRC}/channels/accounts.py",
        "        if not forget and await routes_repository.find_routes",
        "        if forget and await routes_repository.find_routes",
        "tests/web/test_install.py::test_a_token_that_another_business_uses_by_now_is_not_taken_back",
    ),
    Removal(
        "form-bot",
        "that a token entered by hand is of the bot that it was said to be of",
        f"{_SRC}/channels/accounts.py",
        "    if wanted.bot_user_id and found.bot_user_id and found.bot_user_id != wanted.bot_user_id:",
        "    if not wanted.bot_user_id and found.bot_user_id != wanted.bot_user_id:",
        "tests/web/test_install.py::test_a_form_with_a_token_goes_on_beside_it",
    ),
    Removal(
        "install-elsewhere",
        "that a link on another site begins no install",
        f"{_SRC}/web/portal/channels/install.py",
        '    if request.headers.get("sec-fetch-site") == "cross-site":',
        '    if request.headers.get("sec-fetch-site") == "elsewhere":',
        "tests/web/test_install.py::test_a_link_on_another_site_begins_nothing",
    ),
)
