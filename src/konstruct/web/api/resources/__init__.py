"""What the API is about: one module for each kind of thing."""
