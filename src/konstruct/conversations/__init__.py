"""Contacts, conversations, messages and who owns them (AI or human)."""
