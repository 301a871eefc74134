"""The engine: claims, leases, sweeps and the Celery carrier of wake-ups."""
