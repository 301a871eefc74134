"""Slack: the adapter of the channel port."""
