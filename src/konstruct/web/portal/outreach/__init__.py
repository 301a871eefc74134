"""Writing to contacts by a template: choosing it, filling it in, and which there are."""
