"""How the provider thinks of a number, and what may be sent because of it."""
