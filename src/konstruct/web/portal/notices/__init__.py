"""Notices: what the owner must know."""
