"""Message templates: words that the provider approved before, with places to fill in."""
