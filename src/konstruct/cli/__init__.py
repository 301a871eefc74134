"""The `konstruct` command."""
