"""Consent: the evidence that a person wants to be written to first, and what ends it."""
