"""What to do when a check is false: a sentence or two for each, and the page of `docs/operations.md` that has the rest."""

from __future__ import annotations

_TODO = {
    # The database: who logs in, and what holds them.
    "database": "Start PostgreSQL or correct KONSTRUCT_DATABASE_URL and KONSTRUCT_FLEET_DATABASE_URL.",
    "server-version": "Move to PostgreSQL 18 or newer: restore a dump there.",
    "extension": "Install pgvector 0.8 or newer, then run `konstruct migrate --bootstrap`.",
    "migrations": "Run `konstruct migrate` with the version that the processes run, then restart those that are older.",
    "roles": "Stop web, worker and beat; take the right away, or run `konstruct migrate --bootstrap`.",
    "rls-forced": "Stop web, worker and beat, and turn row-level security on and forced as the owner.",
    "policies": "Stop web, worker and beat, and restore the table's policies as the owner.",
    "unscoped-read": "Stop web, worker and beat: nothing keeps tenants apart.",
    "partitions": "Start `konstruct beat` with the maintenance login: it makes partitions ahead; its log says why it could not.",
    "retention": "Start `konstruct beat` with the maintenance login; a table that somebody reads for hours keeps its months.",
    "dedupe-pruned": "Start `konstruct beat` and a worker: the job `prune` runs every hour.",
    "clock-skew": "Correct the clocks (NTP) of this host and of the database's.",
    "large-tables": "Shorten the retention of what need not be kept, or raise the plan for a larger installation.",
    "plaintext-tokens": "Revoke the token at its provider, remove it from the row, and look who could read it.",
    # Channels: what a provider meets.
    "keyring": "Restore the key ring from its backup, owned by the processes' user with mode 600; correct KONSTRUCT_KEYRING.",
    "accounts": "Connect the account again with a new token: `konstruct channel connect slack`.",
    "webhook": "Start `konstruct web`, and let KONSTRUCT_PUBLIC_URL lead to it; 200 means that anybody may speak as a customer.",
    "webhook-signature": "Give `web` and this command the signing secret of the Slack app; stale requests that are taken mean a "
    "wrong clock of `web`'s host.",
    "webhook-replay": "Stop `web` until redelivered events have one effect only; look into its log.",
    "slack-app": "Copy id and secret from the app's page at api.slack.com/apps into KONSTRUCT_SLACK_CLIENT_ID and "
    "KONSTRUCT_SLACK_CLIENT_SECRET, and let its manifest be that of `konstruct channel manifest slack`.",
    "slack-scopes": "Bring the app's manifest up to date, then let an admin of the business add it to Slack again.",
    "whatsapp-app": "Copy id and secret from the app's page at developers.facebook.com into KONSTRUCT_WHATSAPP_APP_ID and "
    "KONSTRUCT_WHATSAPP_APP_SECRET, and the id of its configuration of Embedded Signup into KONSTRUCT_WHATSAPP_CONFIG_ID.",
    "whatsapp-webhook": "Give `web` and this command one KONSTRUCT_WHATSAPP_VERIFY_TOKEN, and enter it at Meta as well.",
    "whatsapp-subscribed": "Let an admin of the business connect WhatsApp again in the portal: that subscribes the app.",
    "whatsapp-tokens": "Let an admin of the business connect WhatsApp again in the portal: everything is kept.",
    "quality-fresh": "Start a worker; if one works, its log says why a number could not be asked about (number_not_polled).",
    "tier-known": "Look at the number at its provider: until it tells the limit, 250 people a day are written to at the most.",
    "whatsapp-verification": "Tell the business to look at why in Meta's Security Centre, and to apply again.",
    "readyz": "Read what `/readyz` answers: it names the part.",
    # Processes and their work.
    "worker": "Start `konstruct worker`; a process that lives and is silent is stuck.",
    "beat": "Start `konstruct beat`.",
    "celery-tasks": "Take the version back: a task that is a coroutine silently does nothing.",
    "beat-jobs": "Take the version back: a job that nobody has registered never runs.",
    "beat-runs": "Start `konstruct beat`, a worker and the broker; the logs of beat and worker say why a job failed.",
    "queue-age": "Start more workers, or find what holds them.",
    "leases": "Start a worker: only a worker sweeps.",
    "deliveries": "Look at the channel and its token.",
    "dead-letters": "Decide each at `/operator/dead-letters`: retry or discard.",
    "unrouted": "Connect the account again with the id of the app that its workspace has installed (`--app`).",
    "model-failure": "Stop the workers and take the version back: what a model's failure says would reach customers.",
    "consent-refused": "Stop the workers and take the version back: nothing keeps people from being written to who never agreed.",
    # What stands beside the database.
    "redis": "Start Redis or Valkey, or correct KONSTRUCT_REDIS_URL; until then each worker goes at half the rate.",
    "redis-keys": "Find who else writes to this database of Redis and give it another; a key of ours without its tenant is a "
    "leak.",
    "broker": "Start the broker, or correct KONSTRUCT_BROKER_URL.",
    "model": "Correct KONSTRUCT_LLM_URL, KONSTRUCT_LLM_MODEL and KONSTRUCT_LLM_API_KEY.",
    "demo-refused": "Take the version back: the demo would answer customers.",
    "disk": "Free space, or move the data folder to a larger disk: without space nothing is stored, and webhooks get 503.",
}
RUNBOOKS = {
    "consent-refused": "Somebody was written to without consent",
    "database": "The database is down",
    "roles": "A role is misconfigured",
    "rls-forced": "A role is misconfigured",
    "policies": "A role is misconfigured",
    "unscoped-read": "A role is misconfigured",
    "large-tables": "A table is larger than planned",
    "plaintext-tokens": "A token has leaked",
    "slack-app": "Adding to Slack does not work",
    "slack-scopes": "Adding to Slack does not work",
    "whatsapp-app": "Connecting WhatsApp does not work",
    "whatsapp-webhook": "Connecting WhatsApp does not work",
    "whatsapp-subscribed": "Connecting WhatsApp does not work",
    "whatsapp-tokens": "The access to WhatsApp ends",
    "quality-fresh": "A number is stopped",
    "tier-known": "A number is stopped",
    "whatsapp-verification": "A business is not verified at Meta",
    "webhook-replay": "Conversations wait",
    "worker": "A worker's loop is stuck",
    "queue-age": "Conversations wait",
    "leases": "A worker's loop is stuck",
    "deliveries": "Deliveries are stuck",
    "redis-keys": "A leak is suspected",
    "broker": "The broker is down",
    "model": "The model is slow or down",
}
"""Headings of `docs/operations.md`, by check."""
REMEDIES = {
    check: f"{todo} More: docs/operations.md, {RUNBOOKS[check]}." if check in RUNBOOKS else todo for check, todo in _TODO.items()
}
"""What the report says, by check."""
