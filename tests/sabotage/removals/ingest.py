"""What a webhook must pass, and what makes a message the same message."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SQL = "src/konstruct/db/migrations/sql"
_SRC = "src/konstruct"

INGEST = (
    Removal(
        "signature-compare",
        "the comparison of the signature",
        f"{_SRC}/channels/slack/signature.py",
        'if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "surrogatepass")):',
        "if not expected:",
        "tests/channels/test_slack_signature.py::test_refuses_another_secret_body_or_time",
    ),
    Removal(
        "signature-window",
        "the window of a signature's time",
        f"{_SRC}/channels/slack/signature.py",
        "if not abs(now - int(timestamp)) <= WINDOW_S:",
        "if not int(timestamp):",
        "tests/bad_input/test_requests.py::test_stale_time",
    ),
    Removal(
        "dedupe-event",
        "the dedupe key of an event",
        f"{_SQL}/0020_edits.sql",
        "  INSERT INTO dedupe_keys (tenant_id, key) VALUES (p_tenant, p_event) ON CONFLICT DO NOTHING;\n"
        "  IF NOT FOUND THEN\n    RETURN 'duplicate';\n  END IF;\n",
        "",
        "tests/channels/test_ingest_keys.py::test_a_delivery_that_comes_again_is_a_duplicate_and_its_body_is_kept_once",
    ),
    Removal(
        "dedupe-post",
        "the dedupe key that `message` and `app_mention` share",
        f"{_SRC}/channels/ingest_repository.py",
        "    post, client = (*message.post_keys, None, None)[:2]",
        "    post, client = None, None",
        "tests/channels/test_ingest_keys.py::test_a_post_that_the_second_event_addresses_becomes_ready",
    ),
    Removal(
        "scope-of-each-item",
        "the scope that each item of a batch sets",
        f"{_SQL}/0020_edits.sql",
        "    PERFORM set_config('app.tenant_id', p_tenants[i]::text, true);",
        "    PERFORM set_config('app.tenant_id', p_tenants[1]::text, true);",
        "tests/channels/test_ingest_batches.py::test_a_crowd_is_stored_once_each_in_its_own_tenant",
    ),
    Removal(
        "route-app",
        "the app's id in a route",
        f"{_SRC}/channels/routes_repository.py",
        '        if self.app_id is not None and app_id != self.app_id:\n            return "wrong_app"\n',
        "",
        "tests/channels/test_ingest_keys.py::test_another_app_of_the_same_workspace_is_nobodys",
    ),
    Removal(
        "batches-apart",
        "that two batches share no conversation",
        f"{_SRC}/channels/ingest.py",
        "                while line and line[0].conversation in storing:",
        "                while line and line[0].conversation in ():",
        "tests/channels/test_ingest_batches.py::test_two_batches_under_way_share_no_conversation",
    ),
    Removal(
        "echo-channel",
        "the channel of an echo",
        f"{_SRC}/channels/echoes.py",
        'if row is None or row["channel_id"] != echo.channel_id:',
        "if row is None:",
        "tests/spine/test_unknown.py::test_an_echo_naming_another_tenant_app_or_channel_has_no_effect",
    ),
    Removal(
        "no-account-waits-for-another",
        "the way past another account's batch",
        f"{_SRC}/channels/ingest.py",
        " or self._waiting.has_other_than(self._busy))",
        ")",
        "tests/channels/test_ingest_batches.py::test_a_quiet_account_does_not_wait_for_the_batch_of_another",
    ),
    Removal(
        "accounts-in-turn",
        "that a batch takes from each account in turn",
        f"{_SRC}/channels/ingest.py",
        "            for account in tuple(served)[: most - len(taken)]:",
        "            for account in tuple(served)[:1] * min(most, len(self._lines[served[0]])):",
        "tests/channels/test_ingest_batches.py::test_two_floods_share_each_batch_evenly",
    ),
    Removal(
        "broken-celery-message",
        "the refusal of a Celery message of an impossible form",
        f"{_SRC}/jobs/celery_messages.py",
        "        except (AttributeError, LookupError, TypeError, ValueError) as error:",
        "        except ZeroDivisionError as error:",
        "tests/isolation/test_forged_jobs.py::test_no_message_on_the_broker_names_a_tenant_or_runs_anything",
    ),
)
