"""What keeps tenants apart in the database."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql"
_SRC = "src/konstruct"

_SOUND = "tests/isolation/test_catalogue.py::test_every_table_key_grant_and_object_is_sound"
_TABLES = "tests/isolation/test_every_table.py"

TENANCY = (
    Removal(
        "policy",
        "the policy of a table",
        f"{_SQL}/0010_inbox.sql",
        "SELECT konstruct_protect('conversation_notes', 'SELECT, INSERT, UPDATE, DELETE');",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON conversation_notes TO konstruct_app;",
        _SOUND,
    ),
    Removal(
        "force",
        "FORCE ROW LEVEL SECURITY",
        f"{_SQL}/0001_tenancy.sql",
        "  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', p_table);\n"
        "  EXECUTE format(\n    'CREATE POLICY tenant_isolation",
        "  EXECUTE format(\n    'CREATE POLICY tenant_isolation",
        _SOUND,
    ),
    Removal(
        "policy-check",
        "the check of rows that are written",
        f"{_SQL}/0001_tenancy.sql",
        "    'WITH CHECK (tenant_id = current_setting(''app.tenant_id'')::uuid)', p_table);",
        "    'WITH CHECK (true)', p_table);",
        _SOUND,
    ),
    Removal(
        "policy-raises",
        "that a query without a tenant raises",
        f"{_SQL}/0001_tenancy.sql",
        "ON %s USING (tenant_id = current_setting(''app.tenant_id'')::uuid) '",
        "ON %s USING (tenant_id = nullif(current_setting(''app.tenant_id'', true), '''')::uuid) '",
        _SOUND,
    ),
    Removal(
        "fleet-reads-content",
        "that the fleet login sees no content",
        f"{_SQL}/0002_conversations.sql",
        "SELECT konstruct_protect('contacts');",
        "SELECT konstruct_protect('contacts'); SELECT konstruct_share('contacts', 'SELECT');",
        _SOUND,
    ),
    Removal(
        "foreign-key",
        "the foreign key of a pair of columns",
        f"{_SQL}/0010_inbox.sql",
        "ON DELETE CASCADE,\n"
        "  FOREIGN KEY (tenant_id, member_id) REFERENCES members (tenant_id, id) ON DELETE SET NULL (member_id)\n);\n"
        "CREATE INDEX conversation_notes_conversation",
        "ON DELETE CASCADE\n);\nCREATE INDEX conversation_notes_conversation",
        f"{_TABLES}::test_what_names_a_row_is_held_by_a_key",
    ),
    Removal(
        "partition-grants",
        "that nobody reaches a partition straight",
        f"{_SQL}/0016_retention.sql",
        "  PERFORM konstruct_protect(v_name::regclass, 'SELECT');\n"
        "  EXECUTE format('REVOKE ALL ON %I FROM konstruct_app, konstruct_fleet', v_name);\n  RETURN v_name;",
        "  PERFORM konstruct_protect(v_name::regclass, 'SELECT');\n  RETURN v_name;",
        _SOUND,
    ),
    Removal(
        "scope-is-local",
        "that a scope ends with its transaction",
        f"{_SRC}/db/database.py",
        "begin = f\"BEGIN; SET LOCAL app.tenant_id = '{scope.tenant_id}'\"",
        "begin = f\"BEGIN; SET app.tenant_id = '{scope.tenant_id}'\"",
        "tests/isolation/test_pools.py::test_no_transaction_sees_what_another_left",
    ),
    Removal(
        "status-of-one",
        "the tenant in the change of a tenant's status",
        f"{_SRC}/tenants/tenants_repository.py",
        " WHERE tenant_id = $1 AND (status <> 'erasing' OR $2 = 'erasing')\"",
        " WHERE $1::uuid IS NOT NULL AND (status <> 'erasing' OR $2 = 'erasing')\"",
        "tests/isolation/test_acts_of_others.py::test_whatever_one_business_does_another_stays_as_it_is",
    ),
    Removal(
        "nothing-is-cached",
        "that nothing of a tenant is cached without its name",
        f"{_SRC}/memory/documents.py",
        "        async with self._db.tenant(scope) as session:\n            chunks = await repository.workspace_chunks(session,",
        '        kept = globals().setdefault("_KEPT", {})\n        if query in kept:\n            return kept[query]\n'
        "        kept[query] = []\n"
        "        async with self._db.tenant(scope) as session:\n            chunks = await repository.workspace_chunks(session,",
        "tests/isolation/test_state_machine.py::test_every_tenant_is_its_model",
    ),
    Removal(
        "status-at-the-job",
        "the tenant's status at the claim of a job",
        f"{_SRC}/jobs/tenant_jobs.py",
        " AND d.status = CASE $1 WHEN 'erase' THEN 'erasing' ELSE 'active' END),",
        "),",
        "tests/isolation/test_forged_jobs.py::test_nothing_is_claimed_of_a_tenant_that_is_not_active",
    ),
    Removal(
        "forged-conversation",
        "the pair in the queue's foreign key",
        f"{_SQL}/0003_queue.sql",
        "  FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id) ON DELETE CASCADE,\n"
        "  CHECK (claimed_seq <= seq),",
        "  CHECK (claimed_seq <= seq),",
        "tests/isolation/test_forged_jobs.py::test_no_row_can_be_forged_that_makes_somebody_work_on_another_tenant",
    ),
)
