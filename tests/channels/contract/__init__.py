"""What any adapter must do, as rules that each look through the port alone (docs/channels.md)."""
