"""The tables of the sandbox's file, as steps: a file of an earlier version is brought up to date when it is opened."""

from __future__ import annotations

import sqlite3

from konstruct.local.sandbox.meta.tables import META_STEP

_FIRST = (
    """CREATE TABLE IF NOT EXISTS workspaces (
        team_id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, about TEXT NOT NULL, app_id TEXT NOT NULL,
        bot_user_id TEXT NOT NULL UNIQUE, bot_id TEXT NOT NULL, bot_token TEXT NOT NULL UNIQUE,
        employee TEXT NOT NULL, employee_role TEXT NOT NULL, tint INTEGER NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS users (
        team_id TEXT NOT NULL REFERENCES workspaces, user_id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, role TEXT NOT NULL,
        PRIMARY KEY (team_id, user_id)) STRICT""",
    """CREATE TABLE IF NOT EXISTS channels (
        channel_id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES workspaces,
        kind TEXT NOT NULL CHECK (kind IN ('channel', 'im')), name TEXT NOT NULL, topic TEXT NOT NULL,
        user_id TEXT, archived INTEGER NOT NULL, has_bot INTEGER NOT NULL, UNIQUE (team_id, user_id)) STRICT""",
    """CREATE TABLE IF NOT EXISTS messages (
        channel_id TEXT NOT NULL REFERENCES channels, ts TEXT NOT NULL, thread_ts TEXT, user_id TEXT NOT NULL,
        from_bot INTEGER NOT NULL, text TEXT NOT NULL, markdown TEXT, blocks TEXT NOT NULL, metadata TEXT, client_msg_id TEXT,
        edited INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (channel_id, ts)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS messages_by_thread ON messages (channel_id, thread_ts, ts)",
    """CREATE TABLE IF NOT EXISTS statuses (
        channel_id TEXT NOT NULL REFERENCES channels, thread_ts TEXT NOT NULL, status TEXT NOT NULL, until REAL NOT NULL,
        PRIMARY KEY (channel_id, thread_ts)) STRICT""",
    """CREATE TABLE IF NOT EXISTS changes (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, team_id TEXT NOT NULL, channel_id TEXT NOT NULL, root_ts TEXT NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS outgoing_events (
        event_id TEXT PRIMARY KEY, team_id TEXT NOT NULL, channel_id TEXT NOT NULL, root_ts TEXT NOT NULL, body BLOB NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0, reason TEXT, given_up INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX IF NOT EXISTS outgoing_events_by_thread ON outgoing_events (channel_id, root_ts)",
    """CREATE TABLE IF NOT EXISTS accepted_posts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, method TEXT NOT NULL, team_id TEXT NOT NULL, channel TEXT NOT NULL, thread_ts TEXT,
        ts TEXT NOT NULL, text TEXT NOT NULL, metadata TEXT, received_at REAL NOT NULL) STRICT""",
    """CREATE TABLE IF NOT EXISTS mail (
        id INTEGER PRIMARY KEY AUTOINCREMENT, recipient TEXT NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL,
        sent_at REAL NOT NULL) STRICT""",
    "CREATE TABLE IF NOT EXISTS tenants (team_id TEXT PRIMARY KEY, tenant_id TEXT NOT NULL, finished INTEGER NOT NULL) STRICT",
)
"""What a file without a version has already."""

_INSTALLS = (
    "CREATE TABLE enterprises (enterprise_id TEXT PRIMARY KEY, name TEXT NOT NULL, bot_user_id TEXT NOT NULL,"
    " bot_id TEXT NOT NULL) STRICT",
    # A workspace that no app is installed in has no token; one on an Enterprise Grid belongs to its organisation.
    """CREATE TABLE workspaces_2 (
        team_id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL, about TEXT NOT NULL, app_id TEXT NOT NULL,
        bot_user_id TEXT NOT NULL UNIQUE, bot_id TEXT NOT NULL, bot_token TEXT NOT NULL,
        employee TEXT NOT NULL, employee_role TEXT NOT NULL, tint INTEGER NOT NULL,
        enterprise_id TEXT REFERENCES enterprises, admins_install INTEGER NOT NULL DEFAULT 0) STRICT""",
    "INSERT INTO workspaces_2 SELECT *, NULL, 0 FROM workspaces",
    "DROP TABLE workspaces",
    "ALTER TABLE workspaces_2 RENAME TO workspaces",
    # On a Grid one person, under one id, is a member of several workspaces.
    """CREATE TABLE users_2 (
        team_id TEXT NOT NULL REFERENCES workspaces, user_id TEXT NOT NULL, name TEXT NOT NULL, role TEXT NOT NULL,
        is_admin INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (team_id, user_id)) STRICT""",
    "INSERT INTO users_2 SELECT team_id, user_id, name, role, 0 FROM users ORDER BY rowid",
    "DROP TABLE users",
    "ALTER TABLE users_2 RENAME TO users",
    # A Slack Connect channel has one owner and other workspaces that see it.
    """CREATE TABLE channel_shares (
        channel_id TEXT NOT NULL REFERENCES channels, team_id TEXT NOT NULL REFERENCES workspaces, has_bot INTEGER NOT NULL,
        PRIMARY KEY (channel_id, team_id)) STRICT""",
    "CREATE TABLE switches (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    """CREATE TABLE installations (
        id INTEGER PRIMARY KEY AUTOINCREMENT, team_id TEXT, enterprise_id TEXT, org_wide INTEGER NOT NULL, scopes TEXT NOT NULL,
        installer_id TEXT, rotates INTEGER NOT NULL, removed_at REAL, CHECK ((team_id IS NULL) = org_wide)) STRICT""",
    """CREATE TABLE tokens (
        token TEXT PRIMARY KEY, installation_id INTEGER NOT NULL REFERENCES installations,
        kind TEXT NOT NULL CHECK (kind IN ('access', 'refresh')), issued_at REAL NOT NULL, expires_at REAL,
        revoked_at REAL) STRICT""",
    "CREATE INDEX tokens_by_installation ON tokens (installation_id, kind, issued_at)",
    """CREATE TABLE oauth_codes (
        code TEXT PRIMARY KEY, client_id TEXT NOT NULL, redirect_uri TEXT NOT NULL, flow TEXT NOT NULL, scopes TEXT NOT NULL,
        team_id TEXT, enterprise_id TEXT, user_id TEXT NOT NULL, issued_at REAL NOT NULL, used_at REAL) STRICT""",
)

_AGENT = (
    # Whose message it is (a shared channel has several teams and bots), and the stream that writes it.
    "ALTER TABLE messages ADD COLUMN team_id TEXT",
    "ALTER TABLE messages ADD COLUMN bot_id TEXT",
    "ALTER TABLE messages ADD COLUMN stream TEXT",
    "ALTER TABLE messages ADD COLUMN files TEXT NOT NULL DEFAULT '[]'",
    "ALTER TABLE statuses ADD COLUMN loading_messages TEXT NOT NULL DEFAULT '[]'",
    """CREATE TABLE threads (
        channel_id TEXT NOT NULL REFERENCES channels, thread_ts TEXT NOT NULL, title TEXT, prompts TEXT, prompts_title TEXT,
        PRIMARY KEY (channel_id, thread_ts)) STRICT""",
    # A file that was announced has a ticket until its bytes came, and no message until its upload was completed.
    """CREATE TABLE files (
        file_id TEXT PRIMARY KEY, team_id TEXT NOT NULL REFERENCES workspaces, user_id TEXT NOT NULL, name TEXT NOT NULL,
        title TEXT NOT NULL, mimetype TEXT NOT NULL, size INTEGER NOT NULL, content BLOB, ticket TEXT UNIQUE,
        channel_id TEXT, made_at REAL NOT NULL) STRICT""",
)

STEPS: tuple[tuple[str, ...], ...] = (_FIRST, _INSTALLS, _AGENT, META_STEP)
"""One tuple of statements per version. A published step is never edited; what changes is a step of its own."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to the latest version, inside the caller's transaction and with foreign keys off.

    Raises sqlite3.DatabaseError for a file of a later version than this program knows.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(STEPS):
        raise sqlite3.DatabaseError(f"the sandbox's file has version {version}; this program knows {len(STEPS)}")
    for step in STEPS[version:]:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
