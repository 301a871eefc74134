"""HTTP: webhooks, health, metrics and pages."""
