"""What the language model has cost."""
