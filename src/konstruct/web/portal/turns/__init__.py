"""The timeline of a turn."""
