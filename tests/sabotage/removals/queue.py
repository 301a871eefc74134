"""What the queue promises: fences, leases, fairness."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql"
_SRC = "src/konstruct"

QUEUE = (
    Removal(
        "fence-epoch",
        "the epoch in the fence",
        f"{_SRC}/jobs/queue.py",
        "\" AND epoch = $4 AND state = 'leased'\"",
        "\" AND epoch >= $4 AND state = 'leased'\"",
        "tests/jobs/test_leases.py::test_the_fence_refuses_an_old_epoch_and_a_lease_that_was_taken",
    ),
    Removal(
        "fence-deadline",
        "the turn's deadline in the fence",
        f"{_SRC}/jobs/queue.py",
        " AND (lease_until > now() OR deadline_at IS NULL OR deadline_at + lease > now()) RETURNING true",
        " RETURNING true",
        "tests/jobs/test_leases.py::test_the_fence_prolongs_a_lease_that_ended_and_that_nobody_has_taken",
    ),
    Removal(
        "fence-after-a-recovery",
        "the patience of the fence with a lease that nobody has taken",
        f"{_SRC}/jobs/queue.py",
        " AND (lease_until > now() OR deadline_at IS NULL OR deadline_at + lease > now()) RETURNING true",
        " AND lease_until > now() RETURNING true",
        "tests/jobs/test_leases.py::test_the_fence_prolongs_a_lease_that_ended_and_that_nobody_has_taken",
    ),
    Removal(
        "frozen-transaction",
        "the end of a frozen client's transaction",
        f"{_SRC}/db/bootstrap.py",
        "SET transaction_timeout = '30s'",
        "SET transaction_timeout = '0'",
        "tests/db/test_bootstrap.py::test_no_transaction_of_a_frozen_client_holds_its_locks_for_ever",
    ),
    Removal(
        "fence-lane",
        "the lane in the fence",
        f"{_SRC}/jobs/queue.py",
        '" WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3"',
        "\" WHERE tenant_id = $1 AND conversation_id = $2 AND $3 <> ''\"",
        "tests/jobs/test_leases.py::test_the_fence_of_another_tenant_or_lane_holds_nothing",
    ),
    Removal(
        "fence-at-the-step",
        "the fence before a step is saved",
        f"{_SRC}/agents/turns_repository.py",
        "    await queue.fence(session, claim)\n    content: dict[str, Any]",
        "    content: dict[str, Any]",
        "tests/spine/test_crashes.py::test_a_thawed_zombie_cannot_save_finish_or_send",
    ),
    Removal(
        "fence-at-the-answer",
        "the fence before the answer is put out",
        f"{_SRC}/agents/turns_repository.py",
        "    await queue.fence(session, claim)\n    await _same(session, turn)\n    return bool(epoch == turn.owner_epoch)",
        "    await _same(session, turn)\n    return bool(epoch == turn.owner_epoch)",
        "tests/spine/test_crashes.py::test_a_thawed_zombie_cannot_save_finish_or_send",
    ),
    Removal(
        "fence-at-the-send",
        "the fence before a send begins",
        f"{_SRC}/channels/deliveries_repository.py",
        '    await queue.fence(session, claim)\n    row = await session.fetchrow(\n        "SELECT d.owner_epoch',
        '    row = await session.fetchrow(\n        "SELECT d.owner_epoch',
        "tests/spine/test_crashes.py::test_a_thawed_zombie_cannot_save_finish_or_send",
    ),
    Removal(
        "release-sees-all",
        "the look at what came during a turn",
        f"{_SRC}/jobs/queue.py",
        "SET state = CASE WHEN seq = claimed_seq AND $5::interval IS NULL",
        "SET state = CASE WHEN $5::interval IS NULL",
        "tests/jobs/test_leases.py::test_what_comes_during_the_turn_leaves_it_ready",
    ),
    Removal(
        "sweep-waits-for-the-lease",
        "the lease's end in the sweep",
        f"{_SQL}/0003_queue.sql",
        "WHERE q.state = 'leased' AND q.lease_until <= now() AND NOT lease_alive(q.lease_until, q.lease)",
        "WHERE q.state = 'leased'",
        "tests/jobs/test_leases.py::test_only_an_expired_lease_is_swept",
    ),
    Removal(
        "renew-epoch",
        "the epoch in the renewal",
        f"{_SQL}/0003_queue.sql",
        "    AND q.epoch = mine.epoch AND q.lease_owner = p_worker AND q.state = 'leased'",
        "    AND q.lease_owner = p_worker AND q.state = 'leased'",
        "tests/jobs/test_leases.py::test_a_renewal_keeps_its_own_epoch_only",
    ),
    Removal(
        "deadline-ends-the-lease",
        "a turn's deadline in the renewal",
        f"{_SQL}/0003_queue.sql",
        "    AND (q.deadline_at IS NULL OR q.deadline_at + q.lease > now())\n",
        "",
        "tests/jobs/test_leases.py::test_a_turn_past_its_deadline_is_not_renewed",
    ),
    Removal(
        "cap-per-tenant",
        "the cap of a tenant's claims",
        f"{_SQL}/0003_queue.sql",
        "greatest(0, least(p_limit, s.in_flight_cap - busy.n))",
        "p_limit",
        "tests/jobs/test_fairness.py::test_the_cap_bounds_one_tenant_and_nobody_else",
    ),
    Removal(
        "fair-order",
        "fairness between tenants",
        f"{_SQL}/0003_queue.sql",
        "SELECT * FROM tagged ORDER BY tag, tenant_id LIMIT p_limit",
        "SELECT * FROM tagged ORDER BY conversation_id LIMIT p_limit",
        "tests/jobs/test_fairness.py::test_quiet_tenant_is_first_behind_three_hundred_conversations_of_a_noisy_one",
    ),
    Removal(
        "suspended-is-not-claimed",
        "the tenant's status at the claim",
        f"{_SQL}/0003_queue.sql",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id AND d.status = 'active'",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id",
        "tests/jobs/test_fairness.py::test_a_suspended_tenant_is_not_claimed_and_loses_nothing",
    ),
    Removal(
        "suspension-ends-the-lease",
        "the tenant's status in the renewal of a turn's lease",
        f"{_SRC}/jobs/queue.py",
        " WHERE d.status = 'active' OR $2 = 'send'\n",
        " WHERE d.status <> $2\n",
        "tests/isolation/test_suspension.py::test_the_engine_cuts_a_running_model_call_short",
    ),
)
