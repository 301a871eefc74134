"""Model access: the port, its backends, routing, prices and usage."""
