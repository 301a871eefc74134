"""`make soak`: random faults at length on real processes, and what they leave behind."""
