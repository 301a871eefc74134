"""What every layer needs and nothing of ours is needed for: ids, settings, errors, logs."""
