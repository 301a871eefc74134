"""The tables of the simulated Meta: one step of the sandbox's file."""

from __future__ import annotations

META_STEP = (
    # To which of the app's webhooks an event goes, with whose signature.
    "ALTER TABLE outgoing_events ADD COLUMN wire TEXT NOT NULL DEFAULT 'slack'",
    """CREATE TABLE wa_portfolios (
        business_id TEXT PRIMARY KEY, name TEXT NOT NULL, about TEXT NOT NULL, tint INTEGER NOT NULL,
        verification TEXT NOT NULL, tier INTEGER NOT NULL) STRICT""",
    """CREATE TABLE wa_accounts (
        waba_id TEXT PRIMARY KEY, business_id TEXT NOT NULL REFERENCES wa_portfolios, name TEXT NOT NULL,
        subscribed INTEGER NOT NULL) STRICT""",
    """CREATE TABLE wa_numbers (
        phone_number_id TEXT PRIMARY KEY, waba_id TEXT NOT NULL REFERENCES wa_accounts, digits TEXT NOT NULL UNIQUE,
        verified_name TEXT NOT NULL, quality TEXT NOT NULL, status TEXT NOT NULL, name_status TEXT NOT NULL,
        throughput TEXT NOT NULL, pin TEXT) STRICT""",
    """CREATE TABLE wa_tokens (
        token TEXT PRIMARY KEY, business_id TEXT NOT NULL REFERENCES wa_portfolios, waba_id TEXT NOT NULL, scopes TEXT NOT NULL,
        issued_at REAL NOT NULL, expires_at REAL, revoked_at REAL) STRICT""",
    """CREATE TABLE wa_codes (
        code TEXT PRIMARY KEY, waba_id TEXT NOT NULL, issued_at REAL NOT NULL, used_at REAL) STRICT""",
    """CREATE TABLE wa_phones (
        phone_id TEXT PRIMARY KEY, name TEXT NOT NULL, digits TEXT NOT NULL UNIQUE, tint INTEGER NOT NULL, about TEXT NOT NULL,
        username TEXT, shows_number INTEGER NOT NULL, moved INTEGER NOT NULL DEFAULT 0) STRICT""",
    """CREATE TABLE wa_chats (
        phone_id TEXT NOT NULL REFERENCES wa_phones, phone_number_id TEXT NOT NULL REFERENCES wa_numbers,
        window_until REAL NOT NULL DEFAULT 0, blocked INTEGER NOT NULL DEFAULT 0, marketing_stopped INTEGER NOT NULL DEFAULT 0,
        typing_until REAL NOT NULL DEFAULT 0, PRIMARY KEY (phone_id, phone_number_id)) STRICT""",
    """CREATE TABLE wa_messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT, wamid TEXT NOT NULL UNIQUE, phone_id TEXT NOT NULL REFERENCES wa_phones,
        phone_number_id TEXT NOT NULL REFERENCES wa_numbers, from_business INTEGER NOT NULL, type TEXT NOT NULL,
        content TEXT NOT NULL, at REAL NOT NULL, state TEXT NOT NULL, context TEXT, edited INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0, reaction TEXT NOT NULL DEFAULT '', opaque TEXT, category TEXT NOT NULL,
        billed INTEGER NOT NULL, forwarded INTEGER NOT NULL DEFAULT 0) STRICT""",
    "CREATE INDEX wa_messages_by_chat ON wa_messages (phone_id, phone_number_id, id)",
    """CREATE TABLE wa_templates (
        template_id TEXT PRIMARY KEY, waba_id TEXT NOT NULL REFERENCES wa_accounts, name TEXT NOT NULL, language TEXT NOT NULL,
        category TEXT NOT NULL, status TEXT NOT NULL, components TEXT NOT NULL, reason TEXT NOT NULL, quality TEXT NOT NULL,
        UNIQUE (waba_id, name, language)) STRICT""",
    """CREATE TABLE wa_media (
        media_id TEXT PRIMARY KEY, phone_number_id TEXT NOT NULL REFERENCES wa_numbers, mime_type TEXT NOT NULL,
        name TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, made_at REAL NOT NULL, content BLOB NOT NULL) STRICT""",
    """CREATE TABLE wa_media_tickets (
        ticket TEXT PRIMARY KEY, media_id TEXT NOT NULL REFERENCES wa_media ON DELETE CASCADE, until REAL NOT NULL) STRICT""",
    # Whom a portfolio wrote to first, and when: each person counts once in any 24 hours.
    """CREATE TABLE wa_firsts (
        business_id TEXT NOT NULL REFERENCES wa_portfolios, phone_id TEXT NOT NULL REFERENCES wa_phones, at REAL NOT NULL,
        PRIMARY KEY (business_id, phone_id)) STRICT""",
)
