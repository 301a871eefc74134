"""WhatsApp: Meta's Cloud API as a channel."""
