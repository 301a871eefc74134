"""Channels: how they are, connecting and disconnecting them."""
