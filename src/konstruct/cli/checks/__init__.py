"""The doctor's checks: what looks done but is not, against the live system."""
