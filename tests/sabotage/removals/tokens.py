"""What keeps a connection alive, and every workspace's rate."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"
_RENEWAL = "tests/spine/test_token_renewal.py"
_REVOKED = "tests/spine/test_revocations.py"
_SHARES = "tests/channels/test_limits_shares.py"

TOKENS = (
    Removal(
        "one-renewal-at-a-time",
        "the wait for a renewal that is under way",
        f"{_SRC}/channels/renewals_repository.py",
        "  AND (a.renewal_wait_until IS NULL OR a.renewal_wait_until <= now())\n",
        "",
        f"{_RENEWAL}::test_who_needs_a_token_that_is_over_renews_it_first_and_all_at_once_renew_it_once",
    ),
    Removal(
        "newest-tokens-win",
        "the version that new tokens are stored against",
        f"{_SRC}/channels/renewals_repository.py",
        '    if row is None or not row["unchanged"]:\n',
        "    if row is None:\n",
        f"{_RENEWAL}::test_an_installation_made_during_a_renewal_wins",
    ),
    Removal(
        "refusal-of-an-old-grant",
        "the epoch of a refused renewal",
        f"{_SRC}/channels/renewals_repository.py",
        "AND renewal_epoch = $3 AND status = 'active' RETURNING true",
        "AND renewal_epoch >= $3 AND status = 'active' RETURNING true",
        f"{_RENEWAL}::test_an_installation_made_during_a_renewal_wins",
    ),
    Removal(
        "stale-revocation",
        "the time of a revocation",
        f"{_SRC}/channels/revocations.py",
        "event.reason, unless_changed_since=at",
        "event.reason",
        f"{_REVOKED}::test_what_does_not_concern_the_bot_or_is_older_than_the_installation_changes_nothing",
    ),
    Removal(
        "answers-live-a-day",
        "the end of answers that wait for an account",
        f"{_SRC}/channels/delivery.py",
        "            if left_s >= 0:\n",
        "            if True:\n",
        f"{_REVOKED}::test_answers_wait_a_day_for_a_new_installation_and_not_a_minute_longer",
    ),
    Removal(
        "unknown-waits-for-the-account",
        "the wait of an unknown send for an account that can be asked",
        f"{_SRC}/channels/delivery.py",
        "            case Failed(reason, account_broken=True):\n                # Nobody",
        "            case Failed(reason, account_broken=True) if False:\n                # Nobody",
        f"{_REVOKED}::test_while_nobody_can_be_asked_an_unknown_send_is_neither_sent_again_nor_given_up",
    ),
    Removal(
        "a-place-in-the-queue",
        "a channel's place in the queue of its workspace",
        f"{_SRC}/db/redis.py",
        "if placed then place = tonumber",
        "if false then place = tonumber",
        f"{_SHARES}::test_each_channel_has_one_place_in_the_queue_of_its_workspace",
    ),
    Removal(
        "no-burst-unearned",
        "that a count which is not known has earned no burst",
        f"{_SRC}/db/redis.py",
        "local arrival = tonumber(redis.call('GET', KEYS[1]) or '') or now + tolerance",
        "local arrival = tonumber(redis.call('GET', KEYS[1]) or '') or now",
        f"{_SHARES}::test_a_flushed_valkey_starts_no_storm",
    ),
)
