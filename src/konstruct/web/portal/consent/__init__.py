"""Consent: who has agreed to be written to first, and what proves it."""
