"""The employee: what it is told, in versions, and a chat to try it."""
