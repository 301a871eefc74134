"""The removals, by hand: for each guard, how it is taken out and which test must turn red."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql"
_SRC = "src/konstruct"

QUEUE = (
    Removal(
        "fence-epoch", "the epoch in the fence",
        f"{_SRC}/jobs/queue.py",
        "\" AND epoch = $4 AND state = 'leased'\"",
        "\" AND epoch >= $4 AND state = 'leased'\"",
        "tests/jobs/test_leases.py::test_the_fence_refuses_an_old_epoch_and_a_lease_that_was_taken",
    ),
    Removal(
        "fence-deadline", "the turn's deadline in the fence",
        f"{_SRC}/jobs/queue.py",
        " AND (lease_until > now() OR deadline_at IS NULL OR deadline_at + lease > now()) RETURNING true",
        " RETURNING true",
        "tests/jobs/test_leases.py::test_the_fence_prolongs_a_lease_that_ended_and_that_nobody_has_taken",
    ),
    Removal(
        "fence-after-a-recovery", "the patience of the fence with a lease that nobody has taken",
        f"{_SRC}/jobs/queue.py",
        " AND (lease_until > now() OR deadline_at IS NULL OR deadline_at + lease > now()) RETURNING true",
        " AND lease_until > now() RETURNING true",
        "tests/jobs/test_leases.py::test_the_fence_prolongs_a_lease_that_ended_and_that_nobody_has_taken",
    ),
    Removal(
        "frozen-transaction", "the end of a frozen client's transaction",
        f"{_SRC}/db/bootstrap.py",
        "SET transaction_timeout = '30s'",
        "SET transaction_timeout = '0'",
        "tests/db/test_bootstrap.py::test_no_transaction_of_a_frozen_client_holds_its_locks_for_ever",
    ),
    Removal(
        "fence-lane", "the lane in the fence",
        f"{_SRC}/jobs/queue.py",
        "\" WHERE tenant_id = $1 AND conversation_id = $2 AND lane = $3\"",
        "\" WHERE tenant_id = $1 AND conversation_id = $2 AND $3 <> ''\"",
        "tests/jobs/test_leases.py::test_the_fence_of_another_tenant_or_lane_holds_nothing",
    ),
    Removal(
        "fence-at-the-step", "the fence before a step is saved",
        f"{_SRC}/agents/turns_repository.py",
        "    await queue.fence(session, claim)\n    content: dict[str, Any]",
        "    content: dict[str, Any]",
        "tests/spine/test_crashes.py::test_a_thawed_zombie_cannot_save_finish_or_send",
    ),
    Removal(
        "fence-at-the-answer", "the fence before the answer is put out",
        f"{_SRC}/agents/turns_repository.py",
        "    await queue.fence(session, claim)\n    return bool(epoch == turn.owner_epoch)",
        "    return bool(epoch == turn.owner_epoch)",
        "tests/spine/test_crashes.py::test_a_thawed_zombie_cannot_save_finish_or_send",
    ),
    Removal(
        "fence-at-the-send", "the fence before a send begins",
        f"{_SRC}/channels/deliveries_repository.py",
        "    await queue.fence(session, claim)\n    row = await session.fetchrow(\n        \"SELECT d.owner_epoch",
        "    row = await session.fetchrow(\n        \"SELECT d.owner_epoch",
        "tests/spine/test_crashes.py::test_a_thawed_zombie_cannot_save_finish_or_send",
    ),
    Removal(
        "release-sees-all", "the look at what came during a turn",
        f"{_SRC}/jobs/queue.py",
        "SET state = CASE WHEN seq = claimed_seq AND $5::interval IS NULL",
        "SET state = CASE WHEN $5::interval IS NULL",
        "tests/jobs/test_leases.py::test_what_comes_during_the_turn_leaves_it_ready",
    ),
    Removal(
        "sweep-waits-for-the-lease", "the lease's end in the sweep",
        f"{_SQL}/0003_queue.sql",
        "WHERE q.state = 'leased' AND q.lease_until <= now() AND NOT lease_alive(q.lease_until, q.lease)",
        "WHERE q.state = 'leased'",
        "tests/jobs/test_leases.py::test_only_an_expired_lease_is_swept",
    ),
    Removal(
        "renew-epoch", "the epoch in the renewal",
        f"{_SQL}/0003_queue.sql",
        "    AND q.epoch = mine.epoch AND q.lease_owner = p_worker AND q.state = 'leased'",
        "    AND q.lease_owner = p_worker AND q.state = 'leased'",
        "tests/jobs/test_leases.py::test_a_renewal_keeps_its_own_epoch_only",
    ),
    Removal(
        "deadline-ends-the-lease", "a turn's deadline in the renewal",
        f"{_SQL}/0003_queue.sql",
        "    AND (q.deadline_at IS NULL OR q.deadline_at + q.lease > now())\n",
        "",
        "tests/jobs/test_leases.py::test_a_turn_past_its_deadline_is_not_renewed",
    ),
    Removal(
        "cap-per-tenant", "the cap of a tenant's claims",
        f"{_SQL}/0003_queue.sql",
        "greatest(0, least(p_limit, s.in_flight_cap - busy.n))",
        "p_limit",
        "tests/jobs/test_fairness.py::test_the_cap_bounds_one_tenant_and_nobody_else",
    ),
    Removal(
        "fair-order", "fairness between tenants",
        f"{_SQL}/0003_queue.sql",
        "SELECT * FROM tagged ORDER BY tag, tenant_id LIMIT p_limit",
        "SELECT * FROM tagged ORDER BY conversation_id LIMIT p_limit",
        "tests/jobs/test_fairness.py::test_quiet_tenant_is_first_behind_three_hundred_conversations_of_a_noisy_one",
    ),
    Removal(
        "suspended-is-not-claimed", "the tenant's status at the claim",
        f"{_SQL}/0003_queue.sql",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id AND d.status = 'active'",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id",
        "tests/jobs/test_fairness.py::test_a_suspended_tenant_is_not_claimed_and_loses_nothing",
    ),
)  # fmt: skip

INGEST = (
    Removal(
        "signature-compare", "the comparison of the signature",
        f"{_SRC}/channels/slack/signature.py",
        "if not hmac.compare_digest(expected.encode(), signature.encode(\"utf-8\", \"surrogatepass\")):",
        "if not expected:",
        "tests/channels/test_slack_signature.py::test_refuses_another_secret_body_or_time",
    ),
    Removal(
        "signature-window", "the window of a signature's time",
        f"{_SRC}/channels/slack/signature.py",
        "if not abs(now - int(timestamp)) <= WINDOW_S:",
        "if not int(timestamp):",
        "tests/bad_input/test_requests.py::test_stale_time",
    ),
    Removal(
        "dedupe-event", "the dedupe key of an event",
        f"{_SQL}/0006_ingest.sql",
        "  INSERT INTO dedupe_keys (tenant_id, key) VALUES (p_tenant, p_event) ON CONFLICT DO NOTHING;\n"
        "  IF NOT FOUND THEN\n    RETURN 'duplicate';\n  END IF;\n",
        "",
        "tests/channels/test_ingest_keys.py::test_a_delivery_that_comes_again_is_a_duplicate_and_its_body_is_kept_once",
    ),
    Removal(
        "dedupe-post", "the dedupe key that `message` and `app_mention` share",
        f"{_SRC}/channels/ingest_repository.py",
        "    post, client = (*message.post_keys, None, None)[:2]",
        "    post, client = None, None",
        "tests/channels/test_ingest_keys.py::test_a_post_that_the_second_event_addresses_becomes_ready",
    ),
    Removal(
        "scope-of-each-item", "the scope that each item of a batch sets",
        f"{_SQL}/0006_ingest.sql",
        "    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);",
        "    PERFORM set_config('app.tenant_id', p_tenants[1]::text, true);",
        "tests/channels/test_ingest_batches.py::test_a_crowd_is_stored_once_each_in_its_own_tenant",
    ),
    Removal(
        "route-app", "the app's id in a route",
        f"{_SRC}/channels/routes_repository.py",
        "        if self.app_id is not None and app_id != self.app_id:\n            return \"wrong_app\"\n",
        "",
        "tests/channels/test_ingest_keys.py::test_another_app_of_the_same_workspace_is_nobodys",
    ),
    Removal(
        "batches-apart", "that two batches share no conversation",
        f"{_SRC}/channels/ingest.py",
        "                while line and line[0].conversation in storing:",
        "                while line and line[0].conversation in ():",
        "tests/channels/test_ingest_batches.py::test_two_batches_under_way_share_no_conversation",
    ),
    Removal(
        "echo-channel", "the channel of an echo",
        f"{_SRC}/channels/echoes.py",
        "if row is None or row[\"channel_id\"] != echo.channel_id:",
        "if row is None:",
        "tests/spine/test_unknown.py::test_an_echo_naming_another_tenant_app_or_channel_has_no_effect",
    ),
)  # fmt: skip

SENDING = (
    Removal(
        "owner-epoch-at-the-send", "the owner's epoch before a send",
        f"{_SRC}/channels/deliveries_repository.py",
        "    if row[\"owner_epoch\"] != owner_epoch:\n        return \"owner_changed\"\n",
        "",
        "tests/spine/test_ownership.py::test_a_takeover_between_answer_and_send_cancels_the_delivery",
    ),
    Removal(
        "owner-epoch-at-the-answer", "the owner's epoch before an answer",
        f"{_SRC}/agents/turns_repository.py",
        "    return bool(epoch == turn.owner_epoch)",
        "    return True",
        "tests/spine/test_ownership.py::test_a_takeover_while_the_model_thinks_sends_nothing",
    ),
    Removal(
        "reconcile", "the look-up before a resend",
        f"{_SRC}/channels/delivery.py",
        "        found = await self._look_up(job, delivery)\n",
        "        found: FindOutcome = Absent()\n",
        "tests/spine/test_unknown.py::test_without_an_echo_the_history_is_asked_once",
    ),
    Removal(
        "one-resend", "that there is one resend at most",
        f"{_SRC}/channels/delivery.py",
        "        if delivery.resent or delivery.age_s > LIFETIME_S:",
        "        if delivery.age_s > LIFETIME_S:",
        "tests/spine/test_unknown.py::test_unknown_twice_is_a_dead_letter_and_never_a_third_post",
    ),
    Removal(
        "no-retries-of-the-sdk", "that the SDK does not retry a write",
        f"{_SRC}/channels/slack/client.py",
        "logger=_SDK_LOG, retry_handlers=[])",
        "logger=_SDK_LOG)",
        "tests/channels/test_slack_contract.py::TestSlack::test_send_once",
    ),
    Removal(
        "pings", "the rule against mentions of strangers",
        f"{_SRC}/channels/slack/safety.py",
        "    text = _MENTION.sub(check, text)\n",
        "",
        "tests/channels/test_slack_render.py::test_inert",
    ),
    Removal(
        "one-answer-a-turn", "the unique index of a turn's parts",
        f"{_SQL}/0004_turns.sql",
        "CREATE UNIQUE INDEX deliveries_turn_part_once ON deliveries",
        "CREATE INDEX deliveries_turn_part_once ON deliveries",
        "tests/spine/test_crashes.py::test_a_turn_has_one_answer_whoever_writes_it",
    ),
)  # fmt: skip

PORTAL = (
    Removal(
        "role-check", "the role's permission at a route",
        f"{_SRC}/web/portal/guard.py",
        "        if not found.may(permission):",
        "        if not found:",
        "tests/web/test_portal_routes.py::test_a_role_gets_its_own_pages_and_no_other",
    ),
    Removal(
        "rank-check", "that nobody gives a role above the own",
        f"{_SRC}/tenants/members.py",
        "    if not outranks(actor.role, role):",
        "    if not role:",
        "tests/web/test_members.py::test_an_admin_makes_and_unmakes_no_owner",
    ),
    Removal(
        "other-sites", "the refusal of other sites' forms",
        f"{_SRC}/web/portal/guard.py",
        "    if not own:\n",
        "    if own is None:\n",
        "tests/web/test_entrance.py::test_a_form_of_another_site_is_refused",
    ),
    Removal(
        "link-once", "that a link works once",
        f"{_SRC}/tenants/sign_in_repository.py",
        "_LIVE = \"used_at IS NULL AND expires_at > now()\"",
        "_LIVE = \"expires_at > now()\"",
        "tests/web/test_entrance.py::test_a_link_signs_in_once_to_its_own_business",
    ),
    Removal(
        "code-tries", "the limit of tries for a code",
        f"{_SRC}/tenants/sign_in_repository.py",
        "        f\" AND attempts < $4 AND {_LIVE} RETURNING member_id\",",
        "        f\" AND $4 > 0 AND {_LIVE} RETURNING member_id\",",
        "tests/web/test_entrance.py::test_five_wrong_codes_end_the_right_one",
    ),
    Removal(
        "suspended-session", "the tenant's status in a session",
        f"{_SRC}/tenants/sessions.py",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id AND d.status = 'active'",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id",
        "tests/web/test_entrance.py::test_suspension_ends_a_session_at_once",
    ),
    Removal(
        "escaping", "the escaping of pages",
        f"{_SRC}/web/portal/pages.py",
        "        autoescape=True,",
        "        autoescape=False,",
        "tests/web/test_notices.py::test_a_notice_is_text",
    ),
    Removal(
        "operator-guard", "the access that an operator needs to read",
        f"{_SRC}/web/operator/guard.py",
        "    access = await operator_access.find_access(deps_of(request).db, operator, tenant)\n    if access is None:",
        "    access = await operator_access.find_access(deps_of(request).db, operator, tenant)\n    if tenant is None:",
        "tests/operator/test_reach.py::test_no_page_shows_content_without_an_access",
    ),
)  # fmt: skip

SECRETS = (
    Removal(
        "key-prefix", "the tenant in a key of Valkey",
        f"{_SRC}/db/redis.py",
        "        self._prefix = f\"k1:{{{braced}}}:\"",
        "        self._prefix = \"k1:{tenant}:\"",
        "tests/channels/test_redis.py::test_two_tenants_never_meet",
    ),
    Removal(
        "key-escape", "the escaping of a key's parts",
        f"{_SRC}/db/redis.py",
        "    return part.replace(\"%\", \"%25\").replace(\":\", \"%3A\")",
        "    return part",
        "tests/channels/test_redis.py::test_two_names_never_share_a_key",
    ),
    Removal(
        "associated-data",
        "the place in an envelope's associated data",
        f"{_SRC}/kit/crypto.py",
        "    for part in parts:\n        kind, data = _encode(part)",
        "    for part in parts[:0]:\n        kind, data = _encode(part)",
        "tests/vault/test_envelope.py::test_a_secret_moved_elsewhere_does_not_open_though_the_key_is_right",
    ),
    Removal(
        "shred", "the destruction of an erased tenant's key",
        f"{_SRC}/tenants/erase.py",
        "        await self._vault.shred(scope)\n",
        "",
        "tests/tenants/test_erase.py::test_nothing_is_left_and_the_neighbour_is_as_before",
    ),
    Removal(
        "purge-of-valkey", "the purge of an erased tenant's keys",
        f"{_SRC}/tenants/erase.py",
        "            gone = await self._redis.tenant(scope).purge()\n",
        "            gone = 0\n",
        "tests/tenants/test_erase.py::test_nothing_is_left_and_the_neighbour_is_as_before",
    ),
    Removal(
        "redactor-slack", "the redactor's rule for Slack's tokens",
        f"{_SRC}/kit/redaction.py",
        "_SLACK = re.compile(r\"(?:xox[a-z]|xapp)[-.][\\w.%-]{4,}\", re.IGNORECASE)",
        "_SLACK = re.compile(r\"(?!)\")",
        "tests/operability/test_redaction.py::test_a_secret_is_gone_wherever_it_stands",
    ),
    Removal(
        "redactor-email", "the redactor's rule for addresses",
        f"{_SRC}/kit/redaction.py",
        "_EMAIL = re.compile(r\"[\\w.+%'-]{1,64}@[\\w-]{1,63}(?:\\.[\\w-]{1,63})+\")",
        "_EMAIL = re.compile(r\"(?!)\")",
        "tests/operability/test_redaction.py::test_a_secret_is_gone_wherever_it_stands",
    ),
    Removal(
        "budget", "a tenant's limit on model costs",
        f"{_SRC}/llm/budget_repository.py",
        "    \" AND {row}.spent_micro + greatest(0, {row}.reserved_micro - gone.micro) + $2 <= {row}.limit_micro))\"",
        "    \" AND {row}.spent_micro + greatest(0, gone.micro) + $2 <= {row}.limit_micro + {row}.spent_micro + $2))\"",
        "tests/llm/test_repositories.py::test_calls_at_the_same_time_do_not_pass_the_limit",
    ),
)  # fmt: skip

_SOUND = "tests/isolation/test_catalogue.py::test_every_table_key_grant_and_object_is_sound"
_TABLES = "tests/isolation/test_every_table.py"

TENANCY = (
    Removal(
        "policy", "the policy of a table",
        f"{_SQL}/0010_inbox.sql",
        "SELECT konstruct_protect('conversation_notes', 'SELECT, INSERT, UPDATE, DELETE');",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON conversation_notes TO konstruct_app;",
        _SOUND,
    ),
    Removal(
        "force", "FORCE ROW LEVEL SECURITY",
        f"{_SQL}/0001_tenancy.sql",
        "  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);\n"
        "  EXECUTE format(\n    'CREATE POLICY tenant_isolation",
        "  EXECUTE format(\n    'CREATE POLICY tenant_isolation",
        _SOUND,
    ),
    Removal(
        "policy-check", "the check of rows that are written",
        f"{_SQL}/0001_tenancy.sql",
        "    'WITH CHECK (tenant_id = current_setting(''app.tenant_id'')::uuid)', p_table);",
        "    'WITH CHECK (true)', p_table);",
        f"{_TABLES}::test_another_tenants_rows_can_be_neither_read_nor_changed",
    ),
    Removal(
        "policy-raises", "that a query without a tenant raises",
        f"{_SQL}/0001_tenancy.sql",
        "ON %s USING (tenant_id = current_setting(''app.tenant_id'')::uuid) '",
        "ON %s USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '",
        f"{_TABLES}::test_without_a_tenant_everything_is_refused",
    ),
    Removal(
        "fleet-reads-content", "that the fleet login sees no content",
        f"{_SQL}/0002_conversations.sql",
        "SELECT konstruct_protect('contacts');",
        "SELECT konstruct_protect('contacts'); SELECT konstruct_share('contacts', 'SELECT');",
        f"{_TABLES}::test_the_fleet_reaches_the_platforms_tables_only",
    ),
    Removal(
        "foreign-key", "the foreign key of a pair of columns",
        f"{_SQL}/0010_inbox.sql",
        "ON DELETE CASCADE,\n"
        "  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE SET NULL (member_id)\n);\n"
        "CREATE INDEX conversation_notes_conversation",
        "ON DELETE CASCADE\n);\nCREATE INDEX conversation_notes_conversation",
        f"{_TABLES}::test_what_names_a_row_is_held_by_a_key",
    ),
    Removal(
        "partition-grants", "that nobody reaches a partition straight",
        f"{_SQL}/0016_retention.sql",
        "  PERFORM konstruct_protect(v_name::regclass, 'SELECT');\n"
        "  EXECUTE format('REVOKE ALL ON %I FROM konstruct_app, konstruct_fleet', v_name);\n  RETURN v_name;",
        "  PERFORM konstruct_protect(v_name::regclass, 'SELECT');\n  RETURN v_name;",
        _SOUND,
    ),
    Removal(
        "scope-is-local", "that a scope ends with its transaction",
        f"{_SRC}/db/database.py",
        "begin = f\"BEGIN; SET LOCAL app.tenant_id = '{scope.tenant_id}'\"",
        "begin = f\"BEGIN; SET app.tenant_id = '{scope.tenant_id}'\"",
        "tests/isolation/test_pools.py::test_no_transaction_sees_what_another_left",
    ),
)  # fmt: skip

KEEPING = (
    Removal(
        "old-months-go", "that a month goes when all of it is old, and not before",
        f"{_SRC}/db/maintenance.py",
        " + interval '1 month' < (now()",
        " < (now()",
        "tests/db/test_partitions.py::test_old_months_go_and_young_ones_stay",
    ),
    Removal(
        "upkeep-waits-briefly", "that upkeep never holds ingest up",
        f"{_SRC}/db/maintenance.py",
        "LOCK = timedelta(milliseconds=200)",
        "LOCK = timedelta(seconds=5)",
        "tests/db/test_partitions.py::test_a_table_that_somebody_reads_stops_the_job_and_not_ingest",
    ),
    Removal(
        "archive-is-read", "that the timeline reads the archive",
        f"{_SRC}/agents/timeline_repository.py",
        "d.tries",
        "'[]'",
        "tests/spine/test_archive.py::test_what_was_shown_moves_and_is_seen_as_before",
    ),
    Removal(
        "what-failed-stays", "that only what was shown leaves the outbox",
        f"{_SRC}/jobs/archive_repository.py",
        "AND (o.state <> 'sent' OR o.sent_at",
        "AND (o.state = 'pending' OR o.sent_at",
        "tests/spine/test_archive.py::test_what_was_shown_moves_and_is_seen_as_before",
    ),
    Removal(
        "revocation-of-keys", "that revoking all access ends API keys too",
        f"{_SRC}/tenants/revocation_repository.py",
        "SET revoked_at = now() WHERE tenant_id = $1 AND revoked_at IS NULL",
        "SET revoked_at = revoked_at WHERE tenant_id = $1 AND revoked_at IS NULL",
        "tests/docs/test_runbooks.py::test_a_leak_is_suspected",
    ),
)  # fmt: skip

FAULTS = (
    Removal(
        "no-retry-after-a-token", "that a model is not asked again once its answer began",
        f"{_SRC}/llm/router.py",
        "                if attempt.started_answer or not error.transient:",
        "                if not error.transient:",
        "tests/faults/test_model.py::test_a_model_that_hangs_fails_or_dies_costs_one_apology_at_most",
    ),
    Removal(
        "the-databases-clock", "the database's time in the prompt",
        f"{_SRC}/agents/thinking.py",
        "turn.opened_at or self._now()",
        "self._now()",
        "tests/faults/test_clocks.py::test_workers_an_hour_ahead_and_behind_answer_as_one_with_the_right_time",
    ),
    Removal(
        "an-outage-is-no-attempt", "that an outage of the database is no attempt of a message",
        f"{_SRC}/jobs/engine.py",
        "self._release_failed(claim, OUTAGE_WAIT_S, counted=False)",
        "self._release_failed(claim, OUTAGE_WAIT_S)",
        "tests/faults/test_storage.py::test_a_database_that_takes_nothing_is_waited_out",
    ),
    Removal(
        "poison-ends", "the limit of a turn's attempts",
        f"{_SRC}/agents/loop.py",
        "        if claim.attempts > self._attempts:",
        "        if claim.attempts > self._attempts + 1000:",
        "tests/spine/test_fallbacks.py::test_poison_ends_in_a_fallback_and_a_dead_letter_and_the_conversation_goes_on",
    ),
)  # fmt: skip

REMOVALS = TENANCY + QUEUE + INGEST + SENDING + PORTAL + SECRETS + KEEPING + FAULTS
