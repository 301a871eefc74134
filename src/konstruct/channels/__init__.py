"""The channel port, durable ingest and exactly-once delivery."""
